// How long to wait after the n-th failure in a row: twice as long each time, up to a limit, and never all at once.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>

#include "net/task.h"

namespace postern::queue {

class Backoff {
 public:
  Backoff(std::chrono::seconds first, std::chrono::seconds longest)
      : first_(std::max(first, std::chrono::seconds(1))), longest_(std::max(longest, first_)) {}

  /// After `failures` in a row, at least 1. Differs by up to a fifth, so that what failed together does not return
  /// together.
  [[nodiscard]] net::Clock::duration after(unsigned failures, std::minstd_rand& random) const {
    std::chrono::duration<double> delay = first_;
    for (unsigned i = 1; i < failures && delay < longest_; ++i) delay *= 2;
    delay = std::min<std::chrono::duration<double>>(delay, longest_);
    delay *= std::uniform_real_distribution(0.8, 1.2)(random);
    return std::chrono::duration_cast<net::Clock::duration>(delay);
  }
  /// No delay is longer.
  std::chrono::seconds longest() const { return longest_ + longest_ / 5; }

 private:
  std::chrono::seconds first_;
  std::chrono::seconds longest_;
};

}  // namespace postern::queue
