// Reads records out of segments, of which it keeps some open.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "queue/disk.h"
#include "queue/log_index.h"

namespace postern::queue {

inline constexpr std::size_t max_open_segments = 64;

class LogReader {
 public:
  explicit LogReader(const Disk& disk) : disk_(disk) {}

  /// The bytes of a record, header and payload; fewer where the segment ends before.
  [[nodiscard]] net::Result<std::string> read(const RecordPlace& record);
  /// The segment is going to be deleted.
  void forget(std::uint32_t segment) { open_.erase(segment); }

 private:
  [[nodiscard]] net::Result<int> open(std::uint32_t segment);

  const Disk& disk_;
  std::map<std::uint32_t, net::Fd> open_;
};

}  // namespace postern::queue
