#include "mail/header.h"

#include <algorithm>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

constexpr std::string_view crlf = "\r\n";

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return is_printable(c) && c != ' '; });
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

// The length of the field in front: its first line, and those behind it that begin with white space.
std::size_t field_length(std::string_view section) {
  std::size_t end = 0;
  do {
    end = section.find(crlf, end);
    if (end == std::string_view::npos) return section.size();
    end += crlf.size();
  } while (end < section.size() && is_space(section[end]));
  return end;
}

// A line end for some readers and none for others: what is a field here must be one for everybody.
bool has_bare_line_end(std::string_view raw) {
  for (auto at = raw.find_first_of(crlf); at != std::string_view::npos;
       at = raw.find_first_of(crlf, at + crlf.size())) {
    if (raw.substr(at, crlf.size()) != crlf) return true;
  }
  return false;
}

Parsed<HeaderField> parse_field(std::string_view raw) {
  const auto colon = raw.find(':');
  if (colon == std::string_view::npos) return SyntaxError{"a header field has no colon"};
  HeaderField field{raw.substr(0, colon), raw.substr(colon + 1), raw};
  if (!is_name(field.name)) return SyntaxError{"a header field has a malformed name"};
  if (has_bare_line_end(raw)) return SyntaxError{"a header field has a bare CR or LF"};
  if (field.value.ends_with(crlf)) field.value.remove_suffix(crlf.size());
  return field;
}

}  // namespace

Parsed<std::vector<HeaderField>> split_header(std::string_view section) {
  if (section.size() > max_header_section) return SyntaxError{"the header section is too long"};
  std::vector<HeaderField> fields;
  while (!section.empty()) {
    if (fields.size() == max_header_fields) return SyntaxError{"too many header fields"};
    const auto field = parse_field(section.substr(0, field_length(section)));
    if (!field) return field.error();
    section.remove_prefix(field->raw.size());
    fields.push_back(*field);
  }
  return fields;
}

bool is_named(const HeaderField& field, std::string_view name) {
  return equals_ignoring_case(field.name, name);
}

std::string_view header_section_of(std::string_view content) {
  if (content.starts_with(crlf)) return content.substr(0, 0);
  const auto end = content.find("\r\n\r\n");
  return end == std::string_view::npos ? content : content.substr(0, end + crlf.size());
}

}  // namespace postern::mail
