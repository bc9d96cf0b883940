// What is still to be tried at one door, and when: a value machine, which is told the time.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "net/task.h"
#include "relaytest/conversation.h"
#include "relaytest/run.h"

namespace postern::relaytest {

class Visit {
 public:
  using Instant = net::Clock::time_point;

  struct Rules {
    std::uint32_t at_a_time = 4;  // connections; until the door has greeted, one
    std::chrono::seconds retry_after{360};
    std::uint32_t retries = 2;
  };

  static constexpr int max_failures = 3;  // connections in a row that came to no greeting

  /// What was decided is not tried again; what was deferred is, where it may be, when its time has come. A door that was given up stays so.
  Visit(Door& door, const Rules& rules, Instant now, system_clock::time_point date);

  bool may_begin(Instant now) const;

  /// The probe to begin; only where `may_begin`.
  [[nodiscard]] std::size_t begin();

  /// It has ended, with whatever result.
  void end() { --running_; }

  /// What it came to.
  void take_in(std::size_t probe, Attempt attempt, Instant now);

  /// When there is something to begin; nothing: not before something ends.
  [[nodiscard]] std::optional<Instant> due() const;

  bool is_idle() const { return running_ == 0; }
  Door& door() { return door_; }

  /// The door has said that it speaks of mail only under TLS.
  bool needs_tls = false;

 private:
  void give_up(std::string why);
  bool is_full() const { return running_ >= (door_.is_reachable ? rules_.at_a_time : 1); }

  Door& door_;
  Rules rules_;
  std::multimap<Instant, std::size_t> due_;  // in the catalogue's order where the time is the same
  std::uint32_t running_ = 0;
  int failures_ = 0;
};

}  // namespace postern::relaytest
