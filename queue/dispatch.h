// The conversation with delivery: lends out what is due, and acts on what is reported (frames: Lease, Report).
//
// When the channel ends, delivery was killed or restarts: all that it had goes back in line, and what it had sent
// on without our hearing of it will arrive twice.
//
// A delivery that answers `aborted` is shutting down: it gets no more.
//
// What hinders a whole destination is no fault of a message. Unreachable: fewer leases at a time, or the line pauses,
// and the attempt counts; while others are served there, the message tries again in a few seconds, at first. Our
// password or the relayhost's certificate refused: the route pauses, an ERROR calls the operator, and no attempt
// counts; what waits behind it still expires, but not sooner than without the pause.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "net/frames.h"
#include "queue/queue.h"
#include "queue/reporter.h"
#include "queue/store.h"

namespace postern::queue {

/// Bytes of content inside leases, all together; and when they come from lines without a success lately.
inline constexpr std::size_t max_lent_content = 64 * 1024 * 1024;
inline constexpr std::size_t max_unproven_content = 48 * 1024 * 1024;

/// While the store is behind, nothing is lent out; how soon it is asked again.
inline constexpr std::chrono::seconds look_at_store_again{1};

class Dispatch {
 public:
  using Send = std::function<void(frames::Lease)>;

  Dispatch(Store& store, Queue& queue, Reporter& reporter)
      : store_(store), queue_(queue), reporter_(reporter) {}

  /// A new delivery takes leases; an empty `send`: none does.
  void connect(Send send, const Moment& now);

  /// Lends out what can be lent; nothing while the store is behind, as outcomes would only pile up. When to pump again;
  /// nothing: when a report comes, or something else changes.
  std::optional<SteadyTime> pump(const Moment& now);
  void on_report(const frames::Report& report, const Moment& now);

  std::size_t lent() const { return lent_.size(); }

 private:
  struct Lent {
    Loan loan;
    std::vector<mail::Recipient> recipients;  // of the loan
    std::size_t content = 0;                  // bytes inside the lease
    WallTime arrival;
  };
  struct Sorted;

  void lend(Loan loan, const Moment& now);
  void on_unreadable(const Loan& loan, const net::error_code& error, const Moment& now);
  void on_outcome(const Lent& lent, const frames::Report& report,
                  const frames::RecipientOutcome& outcome, Sorted& sorted, const Moment& now);
  static void log_effect(const Loan& loan, const frames::Report& report,
                         const Schedule::Effect& effect);
  void on_hindered(const Lent& lent, const frames::Report& report, const Schedule::Effect& effect,
                   Sorted& sorted, const Moment& now);
  [[nodiscard]] SteadyTime next_attempt(const frames::Report& report,
                                        const Schedule::Effect& effect, std::uint32_t attempts,
                                        const Moment& now);

  Store& store_;
  Queue& queue_;
  Reporter& reporter_;
  Send send_;
  std::unordered_map<std::uint64_t, Lent> lent_;
  std::size_t lent_content_ = 0;
  std::uint64_t last_lease_ = 0;
};

}  // namespace postern::queue
