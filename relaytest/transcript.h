// What was said in one conversation, as it was said, within the limits of run.h.
#pragma once

#include <string_view>
#include <vector>

#include "net/task.h"
#include "relaytest/run.h"

namespace postern::relaytest {

class Transcript {
 public:
  explicit Transcript(net::Clock::time_point begun) : begun_(begun) {}

  /// One line, without its CRLF. The last one that there is room for says that more was left out.
  void add(Line::Who who, std::string_view text);

  /// What was sent in one piece, line by line. Line ends that are none (a bare CR or LF) stay in their lines.
  void add_sent(std::string_view bytes);

  [[nodiscard]] std::vector<Line> take() { return std::move(lines_); }

 private:
  net::Clock::time_point begun_;
  std::vector<Line> lines_;
  std::size_t octets_ = 0;
  bool is_full_ = false;
};

}  // namespace postern::relaytest
