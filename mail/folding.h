// Lines of a header section, and their length (RFC 5322, 2.1.1 and 2.2.3).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::mail {

inline constexpr std::size_t max_line =
    998;  // octets without CRLF, of a content's every line (RFC 5322, 2.1.1)

/// Is a line of `text` longer than `max_line`? Lines end with CRLF.
[[nodiscard]] bool has_long_line(std::string_view text);

/// `field`, whole and with its CRLFs, so that no line is longer than `max_line`: long lines are folded where they have white
/// space, to 78 octets if that is possible; the others stay. Unfolded, it is what it was. Nothing: a word is too long.
[[nodiscard]] std::optional<std::string> refold(std::string_view field);

}  // namespace postern::mail
