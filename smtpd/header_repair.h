// What devices send for a header section, made into one. Only for clients in mynetworks: a user's program is told instead.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::smtpd {

struct RepairedHeader {
  std::string section;  // whole lines, each a field or the continuation of one
  std::size_t replaced =
      0;  // so many octets of the content are it; what follows belongs to the body
};

/// Looks at the front of a content, whole lines without an empty one (statement 42): the `From ` line of an mbox is dropped,
/// white space between a name and its colon too, and in front of the first line that can be no field the header section ends.
/// So a line of the body becomes a field only where it looks like one and no empty line parts them: that nobody can tell.
[[nodiscard]] RepairedHeader repair_header(std::string_view section);

}  // namespace postern::smtpd
