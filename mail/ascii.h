// Characters of protocols: ASCII whatever the locale, and never a sign-extended index.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace postern::mail {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }
constexpr bool is_printable(char c) { return c >= ' ' && c <= '~'; }
constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

[[nodiscard]] constexpr bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, to_lower, to_lower);
}

/// A stranger's text, safe on a line of a log, a reply or a report: whatever is not printable ASCII becomes '?'.
[[nodiscard]] inline std::string printable(std::string_view text) {
  std::string out(text);
  std::ranges::replace_if(
      out, [](char c) { return !is_printable(c); }, '?');
  return out;
}

}  // namespace postern::mail
