// Sends the catalogue to the doors of a target: politely. One probe is one connection; at most so many at a time, and begun at
// most so often. What is deferred is tried again later; a 421 ends all talk with that door; three failed connections in a row do, too.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "net/stream.h"
#include "net/task.h"
#include "relaytest/catalogue.h"
#include "relaytest/run.h"

namespace postern::relaytest {

struct Pace {
  double rate = 2;                        // probes begun a second, at all doors together
  std::uint32_t at_a_time = 4;            // connections to one door
  std::chrono::seconds timeout{30};       // for one reply, and for a connection
  std::chrono::seconds probe_limit{300};  // for one probe as a whole: a tarpit must not hold us
  std::chrono::seconds retry_after{
      360};  // until a deferred probe is tried again: greylisting mostly wants five minutes
  std::uint32_t retries = 2;
};

/// A run with its doors and their probes, none tried yet: names, tokens, and what will be said. `only`: these tricks; empty: all.
void plan_probes(Run& run, std::span<const std::string> only);

/// Everything that a probe will send, as text for `--dry-run`: what waits for no answer in the real dialogue is there in its order.
[[nodiscard]] std::string dry_run_of(const Run& run, const Door& door, const ProbeResult& probe);

class Prober {
 public:
  /// `run` is planned; it and all else outlive the prober. `on_change` is called after each probe.
  Prober(Run& run, const Pace& pace, std::function<void()> on_change);

  /// Tries every probe that was not tried, and the deferred ones again. Returns when nothing is left to try. Cancellable at any time:
  /// what was not finished stays not_tried.
  [[nodiscard]] net::Task<> probe_all();

  std::size_t tried() const { return tried_; }
  std::size_t all() const;

 private:
  Run& run_;
  Pace pace_;
  std::function<void()> on_change_;
  std::size_t tried_ = 0;
};

}  // namespace postern::relaytest
