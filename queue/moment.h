// The present, on both clocks. What is planned runs on the steady one, so that a jump of the wall clock neither
// stops nor storms retries; what is written down, shown or told to others is on the wall clock.
#pragma once

#include <algorithm>
#include <chrono>

#include "net/task.h"

namespace postern::queue {

using SteadyTime = net::Clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

struct Moment {
  SteadyTime steady;
  WallTime wall;

  [[nodiscard]] static Moment now() {
    return {net::Clock::now(), std::chrono::system_clock::now()};
  }

  [[nodiscard]] WallTime on_wall(SteadyTime time) const {
    return wall + std::chrono::duration_cast<WallTime::duration>(time - steady);
  }
  /// A time that was written down. In the past it is at most now, in the future at most `furthest` away: whoever
  /// wrote it may have had a wrong clock, or we have.
  [[nodiscard]] SteadyTime upcoming(WallTime time, std::chrono::seconds furthest) const {
    return steady +
           std::clamp<net::Clock::duration>(time - wall, net::Clock::duration::zero(), furthest);
  }
  [[nodiscard]] SteadyTime past(WallTime time) const {
    return steady - std::max<net::Clock::duration>(wall - time, net::Clock::duration::zero());
  }
};

}  // namespace postern::queue
