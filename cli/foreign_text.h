// Text that others wrote (addresses, replies, headers), made harmless for where it is shown.
#pragma once

#include <string>
#include <string_view>

namespace postern::cli {

/// For a terminal: without control characters (of ASCII but tab and line feed, and of C1), which could move the cursor or
/// worse, without those that change the direction of writing, and without carriage returns. What is no UTF-8 is shown as
/// `?`, octet by octet.
[[nodiscard]] std::string printable(std::string_view text);

/// A JSON string in its quotes (RFC 8259, 7). What is no UTF-8 becomes U+FFFD, octet by octet.
[[nodiscard]] std::string json_string(std::string_view text);

/// For HTML, in text and in quoted attributes: markup is escaped; what cannot be seen (control characters, invisible ones, those
/// that change the direction of writing) is named, `‹U+202E›`, and so is what is no UTF-8, octet by octet, `‹FF›`. Line feeds
/// and tabs stay.
[[nodiscard]] std::string html_text(std::string_view text);

}  // namespace postern::cli
