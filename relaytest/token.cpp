#include "relaytest/token.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <span>
#include <stdexcept>

#include "mail/ascii.h"

namespace postern::relaytest {
namespace {

constexpr std::size_t secret_octets = 32;
constexpr std::size_t mac_octets = 16;
constexpr std::size_t mac_digits = 2 * mac_octets;
constexpr std::size_t max_token = 100;
constexpr std::size_t max_tokens = 32;  // of one text: a stranger's message may hold any number

std::string to_hexadecimal(std::span<const unsigned char> octets) {
  std::string text;
  for (const unsigned char octet : octets) text += fmt::format("{:02x}", octet);
  return text;
}

constexpr bool is_of_label(char c) { return mail::is_letter(c) || mail::is_digit(c) || c == '-'; }
constexpr bool is_of_mac(char c) {
  return mail::is_digit(c) || (mail::to_lower(c) >= 'a' && mail::to_lower(c) <= 'f');
}

/// A word of letters, digits and hyphens in a text.
struct Label {
  std::size_t begin = 0;
  std::size_t end = 0;

  bool is_empty() const { return begin == end; }
};

Label next_label(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && is_of_label(text[end])) ++end;
  return {from, end};
}

}  // namespace

std::string new_secret() {
  unsigned char octets[secret_octets];
  if (RAND_bytes(octets, secret_octets) != 1) {
    throw std::runtime_error("the system has no randomness to give");
  }
  return to_hexadecimal(octets);
}

std::string token_of(std::string_view run, std::string_view secret, std::string_view probe) {
  const std::string name = fmt::format("{}.{}", run, probe);
  if (name.size() + 1 + mac_digits > max_token) {
    throw std::invalid_argument("the names of a run and its probe are too long for a token");
  }
  unsigned char mac[EVP_MAX_MD_SIZE];
  const auto* const octets = reinterpret_cast<const unsigned char*>(name.data());
  if (!HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), octets, name.size(), mac,
            nullptr)) {
    throw std::runtime_error("OpenSSL makes no HMAC");
  }
  return fmt::format("{}.{}", name, to_hexadecimal(std::span(mac).first<mac_octets>()));
}

// Goes over the words once, and knows of the two before the present one where each was parted from the next by one dot.
std::vector<std::string> tokens_in(std::string_view text) {
  std::vector<std::string> tokens;
  Label run, probe;
  for (std::size_t i = 0; i < text.size() && tokens.size() < max_tokens;) {
    const Label label = next_label(text, i);
    const std::string_view word = text.substr(label.begin, label.end - label.begin);
    const bool is_mac = word.size() == mac_digits && std::ranges::all_of(word, is_of_mac);
    if (is_mac && !run.is_empty() && label.end - run.begin <= max_token) {
      std::string token(text.substr(run.begin, label.end - run.begin));
      std::ranges::transform(token, token.begin(), mail::to_lower);
      tokens.push_back(std::move(token));
    }
    const bool goes_on = !label.is_empty() && label.end < text.size() && text[label.end] == '.';
    run = goes_on ? probe : Label();
    probe = goes_on ? label : Label();
    i = label.end + 1;
  }
  return tokens;
}

}  // namespace postern::relaytest
