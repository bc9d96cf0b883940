// How often passwords may be guessed. Failures are counted by where they come from (`source.h`), by the network around
// that, and by login and source together; never by login alone, or strangers could lock its owner out. Each failure
// beyond a few makes the next attempt wait longer. A value: it has no clock, and waits for nothing itself.
//
// An attempt counts as failed from the beginning, until it has proved right: many at a time gain nothing. A success takes
// its own count back and clears that of its login and source; whatever else the source has failed at stays counted, or an
// attacker with one account of his own could guess for ever.
//
// The owner of a login may sit at the same address as an attacker (an office behind one NAT). So where a login was proved
// before, it may be looked at once without waiting, as long as that did not fail too often.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "auth/leaky_count.h"
#include "auth/recent_table.h"

namespace postern::auth {

/// How the delay grows.
struct Backoff {
  using Duration = LeakyCount::Duration;

  unsigned free = 0;  // failures that cost nothing
  Duration first{};   // after the next one; doubled by each that follows
  Duration longest{};
  Duration leak{};  // in each of these one failure is forgotten

  [[nodiscard]] Duration delay(unsigned failures) const;
};

struct ThrottleLimits {
  // A login from one source: in the long run 48 guesses a day.
  Backoff login{3, std::chrono::seconds(1), std::chrono::minutes(30), std::chrono::minutes(30)};
  // All logins from one source: 288 guesses a day. Offices have users who mistype, and devices with last year's password.
  Backoff source{20, std::chrono::seconds(1), std::chrono::minutes(5), std::chrono::minutes(5)};
  // All sources of one IPv6 /48: 1440 guesses a day. It may be a whole office, or a provider's customers.
  Backoff network{100, std::chrono::seconds(1), std::chrono::minutes(1), std::chrono::minutes(1)};
  // Failures without waiting of a login that was proved at its source, and how fast they are forgotten.
  unsigned peeks = 30;
  Backoff::Duration peek_leak = std::chrono::minutes(1);
  std::size_t entries = 20'000;  // of each of four tables; about 500 bytes for each entry at most
};

class Throttle {
 public:
  using Time = LeakyCount::Time;
  using Duration = LeakyCount::Duration;

  explicit Throttle(ThrottleLimits limits = {});

  /// How long the next attempt would wait.
  [[nodiscard]] Duration wait(std::string_view source, std::string_view login, Time now) const;

  struct Attempt {
    Duration wait{};             // before the password may be looked at
    Duration penalty{};          // what it adds to the wait of the source's next one
    Duration network_penalty{};  // and of the network's
  };
  /// Counts an attempt. Nothing: it would wait for longer than `patience`, and is not counted.
  [[nodiscard]] std::optional<Attempt> admit(std::string_view source, std::string_view login,
                                             Time now, Duration patience);
  /// `attempt` has proved right.
  void succeeded(std::string_view source, std::string_view login, const Attempt& attempt);

  /// May the password be looked at without an attempt?
  [[nodiscard]] bool may_peek(std::string_view source, std::string_view login, Time now);
  void peeked_right(std::string_view source, std::string_view login);
  void peeked_wrong(std::string_view source, std::string_view login, Time now);

 private:
  struct Failures {
    LeakyCount count;
    Time ready{};  // for the next attempt

    void take_back(Duration penalty);
  };
  struct Home {
    LeakyCount wrong_peeks;
  };

  ThrottleLimits limits_;
  RecentTable<Failures> sources_;
  RecentTable<Failures> networks_;
  RecentTable<Failures> logins_;  // by login and source
  RecentTable<Home> homes_;       // where a login was proved
};

}  // namespace postern::auth
