// HMAC-SHA-256 (RFC 2104), by OpenSSL.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace postern::auth {

using Digest = std::array<unsigned char, 32>;

[[nodiscard]] Digest hmac_sha256(std::string_view key, std::string_view text);

[[nodiscard]] inline std::string_view view_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// Bytes for keys and salts. Throws where the system has no randomness to give: nothing safe can be done then.
[[nodiscard]] std::string random_bytes(std::size_t size);

}  // namespace postern::auth
