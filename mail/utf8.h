// Text outside ASCII, in envelopes of SMTPUTF8 (RFC 6531).
#pragma once

#include <string_view>

namespace postern::mail {

/// Well-formed UTF-8 (RFC 3629) without control characters, be they of ASCII or of C1 (U+0080 to U+009F).
[[nodiscard]] bool is_utf8_text(std::string_view text);

}  // namespace postern::mail
