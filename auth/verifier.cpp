#include "auth/verifier.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <stdexcept>

#include "auth/hash.h"
#include "net/base64.h"

namespace postern::auth {
namespace {

constexpr std::string_view scheme = "SCRAM-SHA-256$";

Digest sha256(const Digest& input) {
  Digest digest{};
  if (EVP_Digest(input.data(), input.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL computes no SHA-256");
  }
  return digest;
}

/// RFC 5802, 2.2: Hi(), which is PBKDF2 with one block of output.
Digest salted_password(std::string_view password, std::string_view salt, unsigned iterations) {
  Digest salted{};
  const int made = PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                                     reinterpret_cast<const unsigned char*>(salt.data()),
                                     static_cast<int>(salt.size()), static_cast<int>(iterations),
                                     EVP_sha256(), static_cast<int>(salted.size()), salted.data());
  if (made != 1) throw std::runtime_error("OpenSSL derives no key by PBKDF2");
  return salted;
}

/// Takes what stands before `delimiter` off the front of `text`.
std::optional<std::string_view> take_until(std::string_view& text, char delimiter) {
  const auto end = text.find(delimiter);
  if (end == text.npos) return std::nullopt;
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}

std::optional<unsigned> parse_iterations(std::string_view text) {
  unsigned count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (count < min_iterations || count > max_iterations) return std::nullopt;
  return count;
}

std::optional<Verifier::Key> parse_key(std::string_view text) {
  const auto bytes = net::from_base64(text);
  Verifier::Key key{};
  if (!bytes || bytes->size() != key.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

}  // namespace

Verifier Verifier::make(std::string_view password) {
  return derive(password, random_bytes(salt_size), default_iterations);
}

Verifier Verifier::derive(std::string_view password, std::string_view salt, unsigned iterations) {
  Digest salted = salted_password(password, salt, iterations);
  Digest client_key = hmac_sha256(view_of(salted), "Client Key");
  Verifier verifier;
  verifier.iterations_ = iterations;
  verifier.salt_ = salt;
  verifier.stored_key_ = sha256(client_key);
  verifier.server_key_ = hmac_sha256(view_of(salted), "Server Key");
  OPENSSL_cleanse(salted.data(), salted.size());
  OPENSSL_cleanse(client_key.data(), client_key.size());
  return verifier;
}

mail::Parsed<Verifier> Verifier::parse(std::string_view text) {
  if (!text.starts_with(scheme)) {
    return mail::SyntaxError{"the verifier does not begin with SCRAM-SHA-256$"};
  }
  text.remove_prefix(scheme.size());
  const auto iterations = take_until(text, ':');
  const auto salt = take_until(text, '$');
  const auto stored_key = take_until(text, ':');
  if (!iterations || !salt || !stored_key) {
    return mail::SyntaxError{"the verifier is not iterations:salt$StoredKey:ServerKey"};
  }
  const auto count = parse_iterations(*iterations);
  if (!count) {
    return mail::SyntaxError{
        fmt::format("the verifier's iterations are not {} to {}", min_iterations, max_iterations)};
  }
  const auto salt_bytes = net::from_base64(*salt);
  if (!salt_bytes || salt_bytes->empty() || salt_bytes->size() > max_salt_size) {
    return mail::SyntaxError{"the verifier's salt is not base64 of 1 to 64 bytes"};
  }
  const auto stored = parse_key(*stored_key);
  const auto server = parse_key(text);
  if (!stored || !server)
    return mail::SyntaxError{"a key of the verifier is not base64 of 32 bytes"};
  Verifier verifier;
  verifier.iterations_ = *count;
  verifier.salt_ = *salt_bytes;
  verifier.stored_key_ = *stored;
  verifier.server_key_ = *server;
  return verifier;
}

Verifier Verifier::made_up(std::string_view name, std::string_view key, unsigned iterations) {
  const auto made_of = [&](char purpose) {
    return hmac_sha256(key, fmt::format("{}{}", purpose, name));
  };
  const Digest salt = made_of('s');
  Verifier verifier;
  verifier.iterations_ = iterations;
  verifier.salt_ = view_of(salt).substr(0, salt_size);
  verifier.stored_key_ = made_of('c');
  verifier.server_key_ = made_of('v');
  return verifier;
}

bool Verifier::matches(std::string_view password) const {
  const Verifier other = derive(password, salt_, iterations_);
  // HMAC fills a short key up with NULs (RFC 2104, 2), so a NUL behind a password would change nothing.
  const bool has_nul = password.find('\0') != password.npos;
  return CRYPTO_memcmp(other.stored_key_.data(), stored_key_.data(), stored_key_.size()) == 0 &&
         !has_nul;
}

std::string Verifier::text() const {
  const auto base64_of = [](const Key& key) { return net::to_base64(std::string(view_of(key))); };
  return fmt::format("{}{}:{}${}:{}", scheme, iterations_, net::to_base64(salt_),
                     base64_of(stored_key_), base64_of(server_key_));
}

}  // namespace postern::auth
