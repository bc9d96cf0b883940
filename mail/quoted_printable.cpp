#include "mail/quoted_printable.h"

#include <fmt/format.h>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_line = 76;  // octets without CRLF (RFC 2045, 6.7, rule 5)

bool ends_line(std::string_view text) { return text.empty() || text.starts_with("\r\n"); }

// The character in front of `text`, as it may stand on a line: white space not at its end (rule 3).
std::string encoded(std::string_view text) {
  const char c = text.front();
  const bool is_plain = (is_printable(c) && c != '=' && c != ' ') ||
                        ((c == ' ' || c == '\t') && !ends_line(text.substr(1)));
  return is_plain ? std::string(1, c) : fmt::format("={:02X}", static_cast<unsigned char>(c));
}

}  // namespace

std::string to_quoted_printable(std::string_view text) {
  std::string out;
  std::size_t line = 0;  // length of the current one
  while (!text.empty()) {
    if (text.starts_with("\r\n")) {
      out += "\r\n";
      line = 0;
      text.remove_prefix(2);
      continue;
    }
    const auto next = encoded(text);
    text.remove_prefix(1);
    // The last column is for the `=` of a soft line end.
    if (line + next.size() > (ends_line(text) ? max_line : max_line - 1)) {
      out += "=\r\n";
      line = 0;
    }
    out += next;
    line += next.size();
  }
  return out;
}

}  // namespace postern::mail
