// Any octets as ASCII that people can still read (RFC 2045, 6.7).
#pragma once

#include <string>
#include <string_view>

namespace postern::mail {

/// Line ends, CRLF, stay line ends; a bare CR or LF is data and is encoded. No line is longer than 76 octets.
[[nodiscard]] std::string to_quoted_printable(std::string_view text);

}  // namespace postern::mail
