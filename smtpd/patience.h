// How long everybody may take.
#pragma once

#include <algorithm>
#include <cstdint>

#include "net/task.h"

namespace postern::smtpd {

struct Patience {
  net::Clock::duration handshake = std::chrono::seconds(30);
  net::Clock::duration command = std::chrono::minutes(5);        // RFC 5321, 4.5.3.2.7
  net::Clock::duration content_pause = std::chrono::minutes(5);  // between two pieces of content
  net::Clock::duration content =
      std::chrono::minutes(10);  // in all, with a second for each `slowest` octets
  net::Clock::duration queue = std::chrono::minutes(5);     // from final dot to the queue's answer
  net::Clock::duration login = std::chrono::minutes(1);     // for each of auth's answers
  net::Clock::duration farewell = std::chrono::seconds(5);  // to take the last reply
  net::Clock::duration slowdown =
      std::chrono::seconds(1);  // before a reply to a client with many errors
};

/// Octets of content a second, on average, or the client is given up.
inline constexpr std::uint64_t slowest = 1024;

/// A client that sends an octet now and then must not hold its place for days.
class Pace {
 public:
  void took(std::uint64_t octets) { taken_ += octets; }

  /// How long the next octets may take.
  [[nodiscard]] net::Clock::duration limit(const Patience& patience) const {
    const auto until = begun_ + patience.content + std::chrono::seconds(taken_ / slowest);
    return std::min(patience.content_pause, until - net::Clock::now());
  }

 private:
  net::Clock::time_point begun_ = net::Clock::now();
  std::uint64_t taken_ = 0;
};

}  // namespace postern::smtpd
