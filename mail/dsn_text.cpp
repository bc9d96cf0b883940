#include "mail/dsn_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

constexpr char32_t no_character = 0xfffd;

bool is_xchar(char c) { return c > ' ' && is_printable(c) && c != '+' && c != '='; }
bool is_upper_hex(char c) { return is_digit(c) || (c >= 'A' && c <= 'F'); }

std::string embedded(char32_t character) {
  return fmt::format("\\x{{{:02X}}}", static_cast<std::uint32_t>(character));
}

// How many octets the UTF-8 character that begins with this one has; 1 where none begins so.
std::size_t length_of(unsigned char first) {
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 1;
}

// Takes the character that is not ASCII off the front of `text`.
char32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = length_of(first);
  char32_t character = first & (0xff >> (length + 1));
  std::size_t taken = 1;
  for (; taken < length && taken < text.size(); ++taken) {
    const auto octet = static_cast<unsigned char>(text[taken]);
    if ((octet & 0xc0) != 0x80) break;
    character = character << 6 | (octet & 0x3f);
  }
  text.remove_prefix(taken);
  return length > 1 && taken == length ? character : no_character;
}

// The ASCII characters for which `must_embed` says so, and all others, as `\x{HEX}`.
template <class Predicate>
std::string embed(std::string_view text, Predicate must_embed) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    if (!is_ascii(c)) {
      out += embedded(take_character(text));
      continue;
    }
    out += must_embed(c) ? embedded(static_cast<unsigned char>(c)) : std::string(1, c);
    text.remove_prefix(1);
  }
  return out;
}

}  // namespace

std::string_view text_of(Return ret) {
  switch (ret) {
    case Return::full:
      return "FULL";
    case Return::headers:
      return "HDRS";
    default:
      return {};
  }
}

std::string text_of(const Notify& notify) {
  if (notify.never) return "NEVER";
  std::string text;
  const auto add = [&](bool is_wanted, std::string_view keyword) {
    if (!is_wanted) return;
    if (!text.empty()) text += ',';
    text += keyword;
  };
  add(notify.success, "SUCCESS");
  add(notify.failure, "FAILURE");
  add(notify.delay, "DELAY");
  return text;
}

std::string to_xtext(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += is_xchar(c) ? std::string(1, c) : fmt::format("+{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string from_xtext(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const bool is_encoded =
        text.size() > 2 && text[0] == '+' && is_upper_hex(text[1]) && is_upper_hex(text[2]);
    if (is_encoded) {
      unsigned octet = 0;
      std::from_chars(text.data() + 1, text.data() + 3, octet, 16);
      out += static_cast<char>(octet);
    } else {
      out += text.front();
    }
    text.remove_prefix(is_encoded ? 3 : 1);
  }
  return out;
}

std::string with_embedded_unicode(std::string_view text) {
  return embed(text, [](char) { return false; });
}

std::string original_of(const Mailbox& mailbox) {
  const std::string text = mailbox.text();
  if (is_ascii(text)) return "rfc822;" + to_xtext(text);
  return "utf-8;" + embed(text, [](char c) { return !is_xchar(c) || c == '\\'; });
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_ascii(c); });
}

}  // namespace postern::mail
