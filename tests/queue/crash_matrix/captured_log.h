// What is logged, which would be many thousands of lines, goes to memory while this lives.
#pragma once

#include <string>
#include <string_view>

#include "net/fd.h"

namespace postern::queue {

class CapturedLog {
 public:
  CapturedLog();
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;
  ~CapturedLog();

  void clear();
  [[nodiscard]] bool contains(std::string_view words) const;

 private:
  net::Fd memory_;
  net::Fd standard_error_;
};

}  // namespace postern::queue
