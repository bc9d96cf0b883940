#include "auth/client_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstring>

namespace postern::auth {
namespace {

/// `offered` as words in upper case.
std::vector<std::string> words_of(std::string_view offered) {
  std::vector<std::string> words(1);
  for (const char c : offered) {
    if (c != ' ') {
      words.back() += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  return words;
}

/// A sasl_secret_t is its length, and then the bytes and a NUL.
Secret cyrus_secret(std::string_view password) {
  const unsigned long length = password.size();
  std::string bytes(offsetof(sasl_secret_t, data), '\0');
  bytes.reserve(bytes.size() + password.size() + sizeof(sasl_secret_t));
  std::memcpy(bytes.data() + offsetof(sasl_secret_t, len), &length, sizeof length);
  bytes += password;
  bytes.append(sizeof(sasl_secret_t), '\0');
  return secret_from(bytes);
}

}  // namespace

// What Cyrus asks for. The results stay ours, and live as long as the exchange.
struct ClientCallbacks {
  static int get_name(void* context, int id, const char** name, unsigned* length) noexcept {
    const auto& exchange = *static_cast<ClientExchange*>(context);
    // SASL_CB_USER, the identity to act for, stays empty: the same as the one that logs in.
    const std::string_view value =
        id == SASL_CB_AUTHNAME ? std::string_view(exchange.user_) : std::string_view("");
    *name = value.data();
    if (length != nullptr) *length = static_cast<unsigned>(value.size());
    return SASL_OK;
  }

  static int get_password(sasl_conn_t*, void* context, int, sasl_secret_t** secret) noexcept {
    const auto& exchange = *static_cast<ClientExchange*>(context);
    // Cyrus takes a pointer to what it may change, and changes nothing.
    *secret = reinterpret_cast<sasl_secret_t*>(const_cast<char*>(exchange.password_.view().data()));
    return SASL_OK;
  }
};

std::optional<std::string> choose_mechanism(std::string_view offered) {
  const std::vector<std::string> words = words_of(offered);
  for (const std::string_view mechanism : client_mechanisms) {
    if (std::find(words.begin(), words.end(), mechanism) != words.end())
      return std::string(mechanism);
  }
  return std::nullopt;
}

ClientExchange::ClientExchange(std::string host, std::string user, std::string_view password)
    : host_(std::move(host)),
      user_(std::move(user)),
      password_(cyrus_secret(password)),
      callbacks_{sasl_callback(SASL_CB_USER, ClientCallbacks::get_name, this),
                 sasl_callback(SASL_CB_AUTHNAME, ClientCallbacks::get_name, this),
                 sasl_callback(SASL_CB_PASS, ClientCallbacks::get_password, this),
                 sasl_callback_t{SASL_CB_LIST_END, nullptr, nullptr}} {}

ClientReply ClientExchange::begin(const std::string& mechanism) {
  sasl_conn_t* connection = nullptr;
  const int made =
      sasl_client_new("smtp", host_.c_str(), nullptr, nullptr, callbacks_.data(), 0, &connection);
  connection_.reset(connection);
  if (made != SASL_OK || !set_protection(connection))
    return GaveUp{"Cyrus SASL gives no connection"};
  const char* out = nullptr;
  const char* chosen = nullptr;
  unsigned length = 0;
  const int result =
      sasl_client_start(connection, mechanism.c_str(), nullptr, &out, &length, &chosen);
  return reply(result, out, length);
}

ClientReply ClientExchange::answer(const std::string& challenge) {
  if (challenge.size() > max_sasl_message) return GaveUp{"the relayhost's challenge is too long"};
  const char* out = nullptr;
  unsigned length = 0;
  const int result =
      sasl_client_step(connection_.get(), challenge.c_str(),
                       static_cast<unsigned>(challenge.size()), nullptr, &out, &length);
  return reply(result, out, length);
}

ClientReply ClientExchange::reply(int result, const char* out, unsigned length) {
  if (result == SASL_OK || result == SASL_CONTINUE) {
    Reply reply{.is_last = result == SASL_OK};
    if (out != nullptr) reply.bytes.emplace(out, length);
    return reply;
  }
  const char* detail = sasl_errdetail(connection_.get());
  return GaveUp{fmt::format("the exchange with the relayhost failed: {}",
                            detail == nullptr ? "no reason given" : detail)};
}

}  // namespace postern::auth
