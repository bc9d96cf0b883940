// A look at a spool from outside: what lies in it, and whether it is as it was written. Nothing is changed, and the server
// may be running.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "queue/disk.h"
#include "queue/recovery.h"

namespace postern::queue {

struct Inspection {
  std::size_t segments = 0;
  std::uint64_t segment_bytes = 0;
  std::uint64_t live_bytes = 0;  // of these: records of messages that wait
  std::size_t messages = 0;      // that wait
  std::size_t contents = 0;      // of these: in files of their own
  std::uint64_t content_bytes = 0;
  std::optional<mail::MessageId> oldest;
  std::chrono::system_clock::time_point oldest_arrival;
  std::size_t damaged_files = 0;  // set aside before
  std::uint64_t damaged_bytes = 0;
  std::vector<Finding> findings;
};

/// Reads all segments, and the files of large contents where `with_contents` says so. Errors as of `replay`.
[[nodiscard]] net::Result<Inspection> inspect(Disk& disk, bool with_contents);

/// The findings that are in both: of a spool in use, what is the matter and not only on its way.
[[nodiscard]] std::vector<Finding> lasting(const std::vector<Finding>& before,
                                           const std::vector<Finding>& now);

}  // namespace postern::queue
