// The header section of a message (RFC 5322, 2.2): taken apart into fields, each kept as it came.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "mail/parsed.h"

namespace postern::mail {

inline constexpr std::size_t max_header_section = 256 * 1024;  // octets
inline constexpr std::size_t max_header_fields = 1000;

/// One field, views into the section.
struct HeaderField {
  std::string_view name;   // as written, without the colon
  std::string_view value;  // behind the colon, folding included, without the last CRLF
  std::string_view raw;    // the whole field with all its CRLFs: what to copy
};

/// The fields of `section`, which ends before the empty line. An error where it is no header section (RFC 5322, 3.6.8: a
/// name is printable ASCII without a colon), or over the limits above.
[[nodiscard]] Parsed<std::vector<HeaderField>> split_header(std::string_view section);

/// Field names are compared without regard to case.
[[nodiscard]] bool is_named(const HeaderField& field, std::string_view name);

/// The header section of `content`: up to and without the empty line; all of it where there is none.
[[nodiscard]] std::string_view header_section_of(std::string_view content);

}  // namespace postern::mail
