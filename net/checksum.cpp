#include "net/checksum.h"

#include <isa-l/crc.h>

#include <algorithm>

namespace postern::net {

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  constexpr std::size_t at_once = 1 << 30;  // ISA-L counts in int
  std::uint32_t state = ~before;
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, at_once);
    // ISA-L lacks a const that it keeps.
    auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(piece.data()));
    state = crc32_iscsi(data, static_cast<int>(piece.size()), state);
    bytes.remove_prefix(piece.size());
  }
  return ~state;
}

}  // namespace postern::net
