// CRC-32C (Castagnoli), which guards what lies on disk. Computed by ISA-L with the processor's own instruction.
#pragma once

#include <cstdint>
#include <string_view>

namespace postern::net {

/// The checksum of `bytes` behind those whose checksum was `before`.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

}  // namespace postern::net
