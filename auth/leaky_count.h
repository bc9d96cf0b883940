// A count that fades: one is forgotten in every interval, for as long as there is one.
#pragma once

#include <algorithm>
#include <chrono>

namespace postern::auth {

class LeakyCount {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;

  unsigned at(Time now, Duration interval) const {
    return count_ - std::min(count_, leaked(now, interval));
  }

  void add(Time now, Duration interval) {
    const unsigned gone = leaked(now, interval);
    // What is left of the running interval counts on, or a steady drip would never be forgotten.
    since_ = gone >= count_ ? now : since_ + gone * interval;
    count_ -= std::min(count_, gone);
    ++count_;
  }
  void take_back() { count_ -= count_ > 0 ? 1 : 0; }

 private:
  unsigned leaked(Time now, Duration interval) const {
    const auto intervals = now > since_ ? (now - since_) / interval : 0;
    return static_cast<unsigned>(std::min<long>(intervals, count_));
  }

  unsigned count_ = 0;
  Time since_{};
};

}  // namespace postern::auth
