// Strangers' octets as UTF-8: JSON knows nothing else (RFC 8259, 8.1).
#pragma once

#include <string>
#include <string_view>

namespace postern::relaytest {

/// What is no UTF-8 becomes U+FFFD, octet by octet; all else stays as it is, control characters, too.
[[nodiscard]] std::string as_utf8(std::string_view text);

}  // namespace postern::relaytest
