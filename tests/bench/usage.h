// What the load programs took themselves: their share of the machine is part of every result.
#pragma once

#include <sys/resource.h>
#include <time.h>

namespace postern::bench {

/// CPU seconds of this process so far, in user and kernel mode.
inline double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Seconds of CLOCK_MONOTONIC, which all processes of a machine share.
inline double now_seconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace postern::bench
