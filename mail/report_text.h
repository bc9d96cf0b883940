// Lines of a report: how its parts put them together.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace postern::mail {

inline constexpr std::string_view crlf = "\r\n";
inline constexpr std::size_t aimed_line = 78;     // octets without CRLF (RFC 5322, 2.1.1)
inline constexpr std::size_t longest_line = 998;  // the same

/// Each with its CRLF.
[[nodiscard]] std::string lines(std::initializer_list<std::string_view> all);

/// Appends the words of `text` to `line`, which is broken where it gets longer than one aims at; each further line begins
/// with `indent`. A word that is too long alone stays whole: it may be a link that someone wants to follow.
[[nodiscard]] std::string wrapped(std::string line, std::string_view text, std::string_view indent);

}  // namespace postern::mail
