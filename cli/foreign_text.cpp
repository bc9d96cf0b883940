#include "foreign_text.h"

#include <fmt/format.h>

#include <boost/locale/utf.hpp>
#include <iterator>

namespace postern::cli {
namespace {

using Utf8 = boost::locale::utf::utf_traits<char>;
using boost::locale::utf::code_point;
using boost::locale::utf::is_valid_codepoint;

constexpr code_point not_utf8 = boost::locale::utf::illegal;

bool is_control(code_point point) { return point < 0x20 || (point >= 0x7f && point < 0xa0); }

/// Of the bidirectional algorithm: turns the order of what follows around, beyond the stranger's own words.
bool is_direction(code_point point) {
  return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/// Takes no place of its own, or breaks a line where there is none.
bool is_invisible(code_point point) {
  return is_direction(point) || point == 0xad || point == 0x61c || point == 0x180e ||
         (point >= 0x200b && point <= 0x200f) || point == 0x2028 || point == 0x2029 ||
         (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
         (point >= 0xfff0 && point <= 0xfffb) || (point >= 0xe0000 && point <= 0xe007f);
}

/// Hands each character to `add`, with the octets that it is made of.
template <class Add>
void for_each_character(std::string_view text, Add add) {
  while (!text.empty()) {
    const char* at = text.data();
    code_point point = Utf8::decode(at, text.data() + text.size());
    auto length = static_cast<std::size_t>(at - text.data());
    if (!is_valid_codepoint(point)) {
      point = not_utf8;
      length = 1;
    }
    add(point, text.substr(0, length));
    text.remove_prefix(length);
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for_each_character(text, [&](code_point point, std::string_view octets) {
    if (point == '\r') return;
    const bool is_shown = point != not_utf8 && !is_direction(point) &&
                          (!is_control(point) || point == '\n' || point == '\t');
    out += is_shown ? octets : "?";
  });
  return out;
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for_each_character(text, [&](code_point point, std::string_view octets) {
    if (point == not_utf8) {
      out += "\\ufffd";
    } else if (is_control(point)) {
      out += fmt::format("\\u{:04x}", point);
    } else {
      if (point == '"' || point == '\\') out += '\\';
      out += octets;
    }
  });
  return out + '"';
}

std::string html_text(std::string_view text) {
  std::string out;
  for_each_character(text, [&](code_point point, std::string_view octets) {
    if (point == not_utf8) {
      fmt::format_to(std::back_inserter(out), "‹{:02X}›",
                     static_cast<unsigned char>(octets.front()));
    } else if ((is_control(point) && point != '\n' && point != '\t') || is_invisible(point)) {
      fmt::format_to(std::back_inserter(out), "‹U+{:04X}›", point);
    } else if (point == '<') {
      out += "&lt;";
    } else if (point == '>') {
      out += "&gt;";
    } else if (point == '&') {
      out += "&amp;";
    } else if (point == '"') {
      out += "&quot;";
    } else if (point == '\'') {
      out += "&#39;";
    } else {
      out += octets;
    }
  });
  return out;
}

}  // namespace postern::cli
