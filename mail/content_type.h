// What a part of a message is, and how it is encoded, as far as one must know who carries it (RFC 2045, 5 and 6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::mail {

inline constexpr std::size_t max_boundary = 70;  // octets (RFC 2046, 5.1.1)

struct ContentType {
  std::string type = "text";      // lower case
  std::string subtype = "plain";  // likewise
  std::string
      boundary{};  // of a multipart: well formed, at most `max_boundary`; empty: it has none, its parts cannot be told

  bool is(std::string_view a_type, std::string_view a_subtype) const {
    return type == a_type && subtype == a_subtype;
  }
  bool operator==(const ContentType&) const = default;
};

/// Of the value of a Content-Type field. A malformed one means text/plain, as where there is none (RFC 2045, 5.2).
[[nodiscard]] ContentType parse_content_type(std::string_view value);

enum class TransferEncoding : std::uint8_t { identity, quoted_printable, base64, unknown };

/// Of the value of a Content-Transfer-Encoding field. 7bit, 8bit, binary and an empty one: identity.
[[nodiscard]] TransferEncoding parse_transfer_encoding(std::string_view value);

}  // namespace postern::mail
