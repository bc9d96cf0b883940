// The queue itself: what waits (ledger), whose turn it is (schedule), where it goes (router), kept in step with
// each other and with what is on disk (store). Intake adds to it, dispatch lends from it, reporter and control end
// what must end.
#pragma once

#include <boost/container/small_vector.hpp>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "net/frames.h"
#include "queue/ages.h"
#include "queue/backoff.h"
#include "queue/ledger.h"
#include "queue/moment.h"
#include "queue/router.h"
#include "queue/schedule.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_lease_recipients = 100;
/// Recipients that are due this much later go along with those that are due now.
inline constexpr std::chrono::seconds due_together{30};
/// How long a recipient waits at first when its destination was too busy.
inline constexpr std::chrono::seconds first_busy_retry{2};
/// Messages in one sweep; a fifth of a microsecond each.
inline constexpr std::size_t max_looked_at = 10'000;

/// Some recipients of one message, lent out until they are changed or given back.
struct Loan : Schedule::Turn {
  std::vector<std::uint32_t> recipients;  // indices in the envelope
};

class Queue {
 public:
  /// How long a recipient waits after an attempt that failed: `retry`; `busy`: to whom its destination only had no time.
  struct Times {
    Backoff retry;
    Backoff busy;
    std::chrono::seconds warn_after;
    std::chrono::seconds expire;
  };

  /// Each once, in alphabetical order. Nearly always there is one. Of the million pairs that a thousand recipients at a
  /// thousand domains would make, only those that matter are looked at.
  using Destinations = boost::container::small_vector<Name, 1>;

  Queue(Store& store, const frames::QueueSettings& settings, const Moment& now, std::uint32_t seed);

  /// What the store visits at the start; then `start` puts all of it into its lines.
  Ledger& ledger() { return ledger_; }
  void start(const Moment& now);

  /// New settings apply to what is queued already, and end all pauses: what was wrong may be right now.
  void configure(const frames::QueueSettings& settings, const Moment& now);

  bool knows(mail::MessageId id) { return ledger_.find(id) != nullptr; }
  const Times& times() const { return times_; }
  const Router& router() const { return router_; }
  std::size_t size() const { return ledger_.size(); }

  /// A message that the store has accepted, with what it reports.
  void add(mail::MessageId id, const MessageHead& head, const Moment& now);

  /// The next work, when something is due and its destination bears it.
  [[nodiscard]] std::optional<Loan> lend(const Moment& now,
                                         Schedule::Whose whose = Schedule::Whose::any);
  /// The loan's turn is over; what follows for its line. What becomes of its recipients is said by `settle` or
  /// `give_back`.
  Schedule::Effect end_turn(const Loan& loan, Schedule::Ending ending, const Moment& now,
                            const std::string& reason = {});
  /// Until when nothing is lent out for a destination, and why; nothing: it does not pause.
  [[nodiscard]] std::optional<Schedule::Pause> pause_of(const std::string& destination,
                                                        const Moment& now) const {
    return schedule_.pause_of(destination, now.steady);
  }
  [[nodiscard]] std::optional<SteadyTime> wake_at() const { return schedule_.wake_at(); }

  /// Takes waiting and held recipients out of their lines, so that nobody else touches them.
  void withhold(mail::MessageId id, const std::vector<Change>& changes, const Moment& now);
  /// Recipients that nothing happened to wait again, until `due` (nothing: as before), or are held, as before.
  void give_back(mail::MessageId id, const std::vector<std::uint32_t>& recipients,
                 std::optional<SteadyTime> due, const Moment& now);

  /// Lent recipients are held once they are given back, or settled without a final outcome; or, after all, are not.
  void hold_lent(mail::MessageId id, const std::vector<std::uint32_t>& recipients, bool is_held,
                 const Moment& now);

  /// Writes the update down, and acts on it. Of a recipient that is to be held it says `held` where it says `waiting`.
  void settle(Update update, const Moment& now, Store::Done done = nullptr);
  /// Acts on an update that is on disk already. A message of which no recipient waits any more is forgotten.
  void apply(const Update& update, const Moment& now);

  /// A change for recipient `index`, that differs from what is only by what `answer` says.
  [[nodiscard]] Change change_of(mail::MessageId id, std::uint32_t index, RecipientState state,
                                 Answer answer, const Moment& now);
  /// When a recipient is tried again after this many attempts, at least 1.
  [[nodiscard]] SteadyTime next_attempt(std::uint32_t attempts, const Moment& now);
  /// The same where its destination was only too busy.
  [[nodiscard]] SteadyTime next_try(std::uint32_t attempts, const Moment& now);

  /// The message cannot be read as it was accepted: it is kept, shown, and not delivered.
  void set_aside(mail::MessageId id, const Moment& now);

  /// Makes those of these recipients that wait due now. Their destinations may still pause.
  void make_due(mail::MessageId id, const std::vector<std::uint32_t>& recipients,
                const Moment& now);
  /// Ends the pause of a destination.
  void wake(const std::string& destination, const Moment& now) {
    schedule_.wake(destination, now.steady);
  }

  struct Overdue {
    std::vector<mail::MessageId> expired;  // have been here for too long, with something to give up
    std::vector<mail::MessageId> late;     // not yet, but long enough to warn their senders, once
  };
  /// At most `limit` of each. Every call goes on where the one before it stopped, and looks at `max_looked_at` messages at
  /// most: however many wait, are held, or cannot be read, all have their turn, and the loop is not blocked.
  [[nodiscard]] Overdue overdue(const Moment& now, std::size_t limit);

 private:
  /// False: all recipients have the destination that they had.
  bool route(Message& message);
  void doubt_what_failed();
  void mind_the_clock(const Moment& now);
  void plan(mail::MessageId id, const Message& message, const Destinations& destinations,
            const Moment& now);

  Store& store_;
  std::minstd_rand random_;
  Times times_;
  Router router_;
  Ledger ledger_;
  Ages ages_;
  Schedule schedule_;
  mail::MessageId looked_at_;  // by `overdue`, the last one
};

}  // namespace postern::queue
