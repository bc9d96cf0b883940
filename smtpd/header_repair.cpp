#include "smtpd/header_repair.h"

#include <algorithm>

#include "mail/ascii.h"

namespace postern::smtpd {
namespace {

constexpr std::string_view crlf = "\r\n";

bool is_white(char c) { return c == ' ' || c == '\t'; }

bool is_mbox_line(std::string_view line) {
  return line.starts_with("From ") || line.starts_with(">From ");
}

// `line` as the first one of a field; empty: it is none.
std::string field_line(std::string_view line) {
  const auto name = std::ranges::find_if_not(
      line, [](char c) { return mail::is_printable(c) && c != ' ' && c != ':'; });
  const auto colon = std::find_if_not(name, line.end(), is_white);
  if (name == line.begin() || colon == line.end() || *colon != ':') return {};
  return std::string(line.begin(), name).append(colon, line.end());
}

}  // namespace

RepairedHeader repair_header(std::string_view section) {
  RepairedHeader repaired;
  while (repaired.replaced < section.size()) {
    const auto end = section.find(crlf, repaired.replaced);
    const auto next = end == std::string_view::npos ? section.size() : end + crlf.size();
    const auto line = section.substr(repaired.replaced, next - repaired.replaced);
    const bool is_continuation = !repaired.section.empty() && is_white(line.front());
    const bool is_dropped = repaired.replaced == 0 && is_mbox_line(line);
    const std::string field = is_continuation ? std::string(line) : field_line(line);
    if (field.empty() && !is_dropped) break;
    if (!is_dropped) repaired.section += field;
    repaired.replaced = next;
  }
  return repaired;
}

}  // namespace postern::smtpd
