// Whose turn it is. Every destination has a line of its own, in which messages wait for their due times; lines
// with something due take turns, so one slow destination never delays another.
//
// A line lends out a few messages at a time: five at first, one more for each that went well, up to the configured
// limit. When a destination cannot be reached, the whole line pauses, growing from a minute to the longest retry,
// and then tries with one message: so new mail for a dead host waits with the old instead of dialling. When a
// route is refused (our password, or the relayhost's certificate), its line pauses too, from one minute to
// fifteen.
//
// A value machine: time is passed in, nothing is waited for.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_map>

#include "mail/message_id.h"
#include "queue/backoff.h"
#include "queue/moment.h"

namespace postern::queue {

inline constexpr std::uint32_t first_window = 5;
inline constexpr std::uint32_t max_leases = 200;  // in all
inline constexpr std::chrono::seconds first_pause{60};
inline constexpr std::chrono::seconds longest_route_pause{15 * 60};

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed) {}

  void configure(std::uint32_t leases_per_destination, std::chrono::seconds max_retry);

  /// The message waits for its destination until `due`; if it waits already, with the new time.
  void put(const std::string& destination, mail::MessageId id, SteadyTime due, SteadyTime now);
  void remove(const std::string& destination, mail::MessageId id);

  struct Turn {
    mail::MessageId id;
    std::string destination;
  };
  /// The next message to lend out; it is no longer in its line. Each turn is answered by one `ended`.
  [[nodiscard]] std::optional<Turn> next(SteadyTime now);

  enum class Ending { served, unreachable, route_refused, nothing };
  /// A lease has ended; `reason`: why it went wrong, in words. How long the line pauses now; zero: it does not.
  net::Clock::duration ended(const std::string& destination, Ending ending, SteadyTime now,
                             const std::string& reason = {});

  /// Ends the pause of a line, or of all.
  void wake(const std::string& destination, SteadyTime now);
  void wake_all(SteadyTime now);

  struct Pause {
    SteadyTime until;
    std::string reason;  // of the failure that began it
  };
  /// Until when the line pauses, and why; nothing: it does not.
  [[nodiscard]] std::optional<Pause> pause_of(const std::string& destination, SteadyTime now) const;

  /// When `next` may have something that it has not now; nothing: only after another call.
  [[nodiscard]] std::optional<SteadyTime> wake_at() const;

  std::size_t lines() const { return lines_.size(); }

 private:
  struct Line {
    std::set<std::pair<SteadyTime, mail::MessageId>> waiting;
    std::unordered_map<std::uint64_t, SteadyTime> due;  // of each message in `waiting`
    std::uint32_t running = 0;
    std::uint32_t window = first_window;
    unsigned failures = 0;  // in a row
    SteadyTime paused_until = SteadyTime::min();
    std::string reason;                 // of the pause
    bool is_ready = false;              // in ready_
    std::optional<SteadyTime> planned;  // in agenda_ at this time
  };
  using Lines = std::map<std::string, Line>;

  void settle(Lines::iterator line, SteadyTime now);
  void pause(Line& line, const Backoff& backoff, SteadyTime now);

  std::minstd_rand random_;
  std::uint32_t limit_ = first_window;
  Backoff unreachable_{first_pause, first_pause};
  Backoff route_refused_{first_pause, longest_route_pause};
  Lines lines_;
  std::deque<Lines::iterator> ready_;
  std::map<std::pair<SteadyTime, std::string>, Lines::iterator> agenda_;
  std::uint32_t running_ = 0;
};

}  // namespace postern::queue
