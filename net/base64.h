// Base 64 (RFC 4648, 4), as AUTH uses it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace postern::net {

[[nodiscard]] std::string to_base64(std::string_view bytes);
/// Strict: no spaces, no line breaks, the padding exactly as it must be. Nothing: it is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace postern::net
