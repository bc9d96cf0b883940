// Whole files one after the other, the next one read by a thread of its own while the last one is looked at: so a start costs
// the time of the disk or that of the CPU, whichever is longer, and not both.
#pragma once

#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "net/task.h"
#include "queue/disk.h"

namespace postern::queue {

class ReadAhead {
 public:
  /// `max_size`: a longer file is an error `file_too_large`.
  ReadAhead(const Disk& disk, std::vector<std::string> names, std::uint64_t max_size);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead();

  /// All of the next file, until this is called again. Once for each name, in their order.
  [[nodiscard]] net::Result<std::string_view> next();

 private:
  void begin_next();

  const Disk& disk_;
  std::vector<std::string> names_;
  std::uint64_t max_size_;
  std::size_t begun_ = 0;  // of names_
  // Kept from file to file: fresh memory would cost as much as reading.
  std::vector<char> read_;                      // what `next` gave
  std::vector<char> ahead_;                     // for the thread
  std::future<net::Result<std::size_t>> size_;  // of what the thread reads
};

}  // namespace postern::queue
