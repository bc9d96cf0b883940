#include "auth/password.h"

#include <fmt/format.h>

#include "auth/hash.h"

namespace postern::auth {
namespace {

/// How many bytes the UTF-8 character at the front of `text` has; 0: it is none (RFC 3629, 4).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                                           : 4;
  if (length == 0 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (lead == 0xe0 && byte(1) < 0xa0) return 0;  // longer than it need be
  if (lead == 0xed && byte(1) > 0x9f) return 0;  // a surrogate
  if (lead == 0xf0 && byte(1) < 0x90) return 0;  // longer than it need be
  if (lead == 0xf4 && byte(1) > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

/// U+0000 to U+001F, U+007F, and U+0080 to U+009F.
bool is_control(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead < 0x20 || lead == 0x7f;
  return lead == 0xc2 && static_cast<unsigned char>(character[1]) < 0xa0;
}

}  // namespace

std::optional<std::string> objection_to_password(std::string_view password) {
  std::size_t characters = 0;
  for (std::string_view rest = password; !rest.empty(); ++characters) {
    const std::size_t length = utf8_length(rest);
    if (length == 0) return "the password is not UTF-8: use letters, digits and signs";
    if (is_control(rest.substr(0, length))) {
      return "the password has a control character: use letters, digits and signs";
    }
    rest.remove_prefix(length);
  }
  if (characters < min_password) {
    return fmt::format(
        "the password has fewer than {} characters, and would be guessed: use a longer one, or "
        "--generate",
        min_password);
  }
  if (password.size() > max_password) {
    return fmt::format("the password is over {} bytes: use a shorter one", max_password);
  }
  return std::nullopt;
}

Secret generate_password() {
  constexpr std::string_view alphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  static_assert(alphabet.size() == 32);  // five bits each, without bias
  std::string random = random_bytes(20);
  std::string text;
  text.reserve(23);
  for (std::size_t i = 0; i < random.size(); ++i) {
    if (i > 0 && i % 5 == 0) text += '-';
    text += alphabet[static_cast<unsigned char>(random[i]) % alphabet.size()];
  }
  wipe(random);
  return secret_from(text);
}

}  // namespace postern::auth
