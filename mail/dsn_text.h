// What a sender asked for (mail/dsn.h), as SMTP parameters and reports write it: keywords, and the two ways to put any
// text into printable ASCII without spaces, xtext (RFC 3461, 4) and utf-8-addr-xtext (RFC 6533, 3).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mail/dsn.h"
#include "mail/mailbox.h"

namespace postern::mail {

/// The longest ORCPT that fits every server's command line, in octets (RFC 3461, 4.2).
inline constexpr std::size_t max_original = 500;

/// The value of RET: `FULL`, `HDRS`; empty where nothing was said.
[[nodiscard]] std::string_view text_of(Return ret);
/// The value of NOTIFY: `NEVER`, or some of `SUCCESS,FAILURE,DELAY`; empty where nothing was said.
[[nodiscard]] std::string text_of(const Notify& notify);

/// What is not printable, and `+`, `=` and the space, becomes `+XX`.
[[nodiscard]] std::string to_xtext(std::string_view text);
/// The other way; a `+` that no two upper-case hexadecimal digits follow stays. The result is any octets: a stranger's.
[[nodiscard]] std::string from_xtext(std::string_view text);

/// Only what is not ASCII becomes `\x{HEX}`, the number of its Unicode character: what stands in xtext otherwise stays so.
/// Octets that are no UTF-8 become U+FFFD.
[[nodiscard]] std::string with_embedded_unicode(std::string_view text);

/// `rfc822;alice@a.example`, its address in xtext; `utf-8;...` in utf-8-addr-xtext where it is not ASCII: an ORCPT.
[[nodiscard]] std::string original_of(const Mailbox& mailbox);

/// Can all of it stand where only ASCII can?
[[nodiscard]] bool is_ascii(std::string_view text);

}  // namespace postern::mail
