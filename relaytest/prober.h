// Sends the catalogue to the doors of a target: politely. One probe is one connection; at most so many at a time, and begun at
// most so often. What is deferred is tried again later; a 421 ends all talk with that door; three failed connections in a row do, too.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "net/task.h"
#include "relaytest/run.h"
#include "relaytest/undemanding_tls.h"
#include "relaytest/visit.h"

namespace postern::relaytest {

struct Pace {
  double rate = 2;                        // probes begun a second, at all doors together
  std::uint32_t at_a_time = 4;            // connections to one door
  std::chrono::seconds timeout{30};       // for one reply, and for a connection
  std::chrono::seconds probe_limit{300};  // for one probe as a whole: a tarpit must not hold us
  milliseconds surplus{1500};  // for replies that nobody asked for, where there may be some
  std::chrono::seconds retry_after{
      360};  // until a deferred probe is tried again: greylisting mostly wants five minutes
  std::uint32_t retries = 2;
  bool until_accepted = false;  // begins nothing more once one message was accepted
};

/// A run with its doors and their probes, none tried yet: names, tokens, and what will be said. `only`: these tricks; empty: all.
/// Throws std::invalid_argument, with words for the user, at a trick that there is none of.
void plan_probes(Run& run, std::span<const std::string> only);

/// Everything that a probe will send, in its order, as text for `--dry-run`: `> ` and a line of it, control characters and 8-bit
/// octets as escapes, or `# ` and a remark.
[[nodiscard]] std::string dry_run_of(const Run& run, const Door& door, const ProbeResult& probe);

class Prober {
 public:
  /// `run` is planned; it outlives the prober. `on_change` is called after each probe.
  Prober(Run& run, const Pace& pace, std::function<void()> on_change);

  /// Tries every probe that was not tried, and the deferred ones again. Returns when nothing is left to try. Cancellable at any time:
  /// what was not finished stays as it was.
  [[nodiscard]] net::Task<> probe_all();

  /// Probes that have been tried at least once, and all that are planned.
  std::size_t tried() const;
  std::size_t all() const;

  /// When the next deferred probe is tried again; nothing: there is something to do until then.
  [[nodiscard]] std::optional<net::Clock::time_point> waits_until() const { return waits_until_; }

 private:
  net::Task<> schedule(net::Nursery& probing);
  net::Task<> try_probe(Visit& visit, std::size_t index);
  net::Task<Attempt> converse(const Door& door, const ProbeResult& probe, bool with_tls);
  [[nodiscard]] std::optional<std::size_t> next_visit(net::Clock::time_point now) const;
  [[nodiscard]] std::optional<net::Clock::time_point> next_due() const;
  bool is_idle() const;

  Run& run_;
  Pace pace_;
  std::function<void()> on_change_;
  net::SslContext tls_ = undemanding_client_tls();
  std::vector<Visit> visits_;   // one for each door
  std::size_t last_visit_ = 0;  // doors take turns
  bool has_enough_ = false;     // what was accepted is all that is wanted
  std::optional<net::Clock::time_point> waits_until_;
  net::Timer* alarm_ = nullptr;  // ends the schedule's waiting
};

}  // namespace postern::relaytest
