// Whose turn it is. Every destination has a line of its own, in which messages wait for their due times; lines
// with something due take turns, so one slow destination never delays another.
//
// A line lends out as many messages at a time as its destination bears (`queue/window.h`), and never more than is
// configured. When the destination is dead, the whole line pauses, growing from a minute to the longest retry, and
// then tries with one message: so new mail for a dead host waits with the old instead of dialling. When a route is
// refused (our password, or the relayhost's certificate), its line pauses too, from one minute to fifteen. An
// operator who ends a pause gets that one probe at once, and all the rest as soon as it is served; if it fails, the
// pauses begin anew with the shortest.
//
// What silent hosts hold cannot be used by others, so it is bounded: lines without a success in the last minute or two
// have only a share of all leases, and of that those that were never lent anything have half for themselves.
//
// A value machine: time is passed in, nothing is waited for.
#pragma once

#include <array>
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
#include "queue/window.h"

namespace postern::queue {

inline constexpr std::uint32_t max_leases = 1000;          // in all; two descriptors each, at most
inline constexpr std::uint32_t max_unproven_leases = 950;  // of lines without a success lately
inline constexpr std::uint32_t max_unheard_leases = 900;   // and those that never had one
inline constexpr std::uint32_t max_repeated_leases =
    450;                                                // of these, but for the first of each line
inline constexpr std::chrono::seconds proof_lasts{60};  // twice that at most
inline constexpr std::chrono::seconds first_pause{60};
inline constexpr std::chrono::seconds longest_route_pause{15 * 60};

/// What was learned about a destination is kept for so long after its last lease,
inline constexpr std::chrono::seconds memory_lasts{300};
/// while there are no more lines than this.
inline constexpr std::size_t max_remembered_lines = 20'000;

class Schedule {
 public:
  explicit Schedule(std::uint32_t seed) : random_(seed) {}

  void configure(std::uint32_t leases_per_destination, std::chrono::seconds max_retry);

  /// The message waits for its destination until `due`; if it waits already, with the new time.
  void put(const std::string& destination, mail::MessageId id, SteadyTime due, SteadyTime now);
  void remove(const std::string& destination, mail::MessageId id);

  /// All that waits there has failed before, in another life of this process: its line begins with one probe.
  void doubt(const std::string& destination);

  struct Turn {
    mail::MessageId id;
    std::string destination;
    std::uint64_t number = 0;  // of this turn, counted from 1
  };
  enum class Whose { any, proven };  // proven: only of a line with a success lately
  /// The next message to lend out; it is no longer in its line. Each turn is answered by one `ended`.
  [[nodiscard]] std::optional<Turn> next(SteadyTime now, Whose whose = Whose::any);

  enum class Ending {
    served,
    overloaded,  // in the midst of a transaction: the destination lives
    unreachable,
    route_refused,
    nothing,
  };
  struct Effect {
    bool is_slowed = false;        // fewer at a time from now on,
    std::uint32_t window = 0;      // so many
    bool is_paused = false;        // a pause begins
    net::Clock::duration pause{};  // that is left of this or an older pause; zero: none
  };
  /// A lease has ended; `reason`: why it went wrong, in words. What follows for its line.
  Effect ended(const Turn& turn, Ending ending, SteadyTime now, const std::string& reason = {});

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
  // By what a line may take of all leases.
  enum Share : std::size_t { proven, known, unheard, repeated };
  static constexpr std::size_t shares = 4;
  struct Place {
    Share share;
    std::uint64_t number;
  };
  struct Line {
    std::set<std::pair<SteadyTime, mail::MessageId>> waiting;
    std::unordered_map<std::uint64_t, SteadyTime> due;  // of each message in `waiting`
    Window window;
    unsigned failures = 0;  // pauses in a row
    SteadyTime paused_until = SteadyTime::min();
    std::string reason;  // of the pause
    SteadyTime served = SteadyTime::min();
    SteadyTime forgotten = SteadyTime::min();  // when what was learned may go
    bool is_proven = false;
    SteadyTime proof_end = SteadyTime::min();  // its entry in proofs_, where it is proven
    std::optional<Place> ready;                // in ready_
    std::optional<SteadyTime> planned;         // in agenda_ at this time
  };
  using Lines = std::map<std::string, Line>;

  void settle(Lines::iterator line, SteadyTime now);
  void make_ready(Lines::iterator line);
  void make_unready(Line& line);
  void plan(Lines::iterator line, std::optional<SteadyTime> time);
  [[nodiscard]] std::optional<SteadyTime> time_to_lend(const Line& line) const;
  [[nodiscard]] static Share share_of(const Line& line);
  [[nodiscard]] bool has_room(Share share) const;
  [[nodiscard]] std::optional<Lines::iterator> first_ready(Whose whose) const;
  void prove(Lines::iterator line, SteadyTime now);
  void disprove(Line& line);
  void check_proofs(SteadyTime now);
  void pause(Line& line, const Backoff& backoff, const std::string& reason, SteadyTime now);

  std::minstd_rand random_;
  std::uint32_t limit_ = Window::first;
  Backoff unreachable_{first_pause, first_pause};
  Backoff route_refused_{first_pause, longest_route_pause};
  Lines lines_;
  std::array<std::map<std::uint64_t, Lines::iterator>, shares> ready_;  // by place
  std::map<std::pair<SteadyTime, std::string>, Lines::iterator> agenda_;
  std::deque<std::pair<SteadyTime, std::string>> proofs_;  // when to look at them again
  std::uint32_t running_ = 0;
  std::uint32_t unproven_ = 0;  // of these
  std::uint64_t last_turn_ = 0;
  std::uint64_t last_place_ = 0;
};

}  // namespace postern::queue
