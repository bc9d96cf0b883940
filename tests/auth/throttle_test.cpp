#include "auth/throttle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "auth/source.h"

namespace postern::auth {
namespace {

using namespace std::chrono_literals;
using Duration = Throttle::Duration;

constexpr const char* here = "192.0.2.1";
constexpr const char* elsewhere = "198.51.100.7";

/// A throttle on a clock of its own.
struct Clocked {
  Throttle throttle;
  Throttle::Time now{std::chrono::hours(1000)};

  explicit Clocked(ThrottleLimits limits = {}) : throttle(limits) {}

  /// Fails, after waiting as it is told to; nothing: was not let in.
  std::optional<Duration> fail(const std::string& source, const std::string& login,
                               Duration patience = 10s) {
    const auto attempt = throttle.admit(source, login, now, patience);
    if (!attempt) return std::nullopt;
    now += attempt->wait;
    return attempt->wait;
  }
  std::optional<Duration> succeed(const std::string& source, const std::string& login) {
    const auto attempt = throttle.admit(source, login, now, 10s);
    if (!attempt) return std::nullopt;
    now += attempt->wait;
    throttle.succeeded(source, login, *attempt);
    return attempt->wait;
  }
  /// Seconds until the next attempt.
  long wait_of(const std::string& source, const std::string& login) const {
    return throttle.wait(source, login, now) / 1s;
  }
};

TEST(Source, IsAnAddressOrASlash64) {
  const struct {
    const char* address;
    const char* source;
    const char* why;
  } rows[] = {
      {"192.0.2.1", "192.0.2.1", "IPv4 as it is"},
      {"::ffff:192.0.2.1", "192.0.2.1", "IPv4 in IPv6"},
      {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", "all of the network is one customer's"},
      {"2001:db8:1:2::1", "2001:db8:1:2::/64", "the same"},
      {"2001:db8:1:3::1", "2001:db8:1:3::/64", "the next network"},
      {"fe80::1%7", "fe80::/64", "without a zone"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(source_of(boost::asio::ip::make_address(row.address)), row.source) << row.why;
}

TEST(Source, IsPartOfASlash48) {
  const struct {
    const char* source;
    const char* network;
    const char* why;
  } rows[] = {
      {"2001:db8:1:2::/64", "2001:db8:1::/48", "one site"},
      {"2001:db8:1:ffff::/64", "2001:db8:1::/48", "the same"},
      {"2001:db8:2:2::/64", "2001:db8:2::/48", "the next"},
      {"192.0.2.1", "", "IPv4 has none"},
      {"192.0.2.1/64", "", "no source"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(network_of(row.source).value_or(""), row.network) << row.why;
}

// Statement 28.
TEST(Throttle, DelaysTheNextAttemptLongerAfterEachFailure) {
  const struct {
    int failures;
    long seconds;
    const char* why;
  } rows[] = {
      {0, 0, "nobody has failed yet"},
      {3, 0, "people mistype"},
      {4, 1, "from the fourth on it grows"},
      {5, 2, "twice as long"},
      {6, 4, "and again"},
      {10, 64, "and again"},
      {14, 1024, "and again"},
  };
  for (const auto& row : rows) {
    Clocked clocked;
    for (int i = 0; i < row.failures; ++i) clocked.fail(here, "alice", 24h);
    EXPECT_EQ(clocked.wait_of(here, "alice"), row.seconds) << row.why;
  }
  Clocked clocked;
  for (int i = 0; i < 100; ++i) {
    clocked.fail(here, "alice", 24h);
    EXPECT_LE(clocked.wait_of(here, "alice"), 1800) << "half an hour at most";
  }
}

TEST(Throttle, LooksAtNothingThatWouldWaitTooLong) {
  Clocked clocked;
  std::vector<long> waits;
  while (const auto wait = clocked.fail(here, "alice")) waits.push_back(*wait / 1s);
  EXPECT_EQ(waits, (std::vector<long>{0, 0, 0, 0, 1, 2, 4, 8}));
  EXPECT_EQ(clocked.wait_of(here, "alice"), 16);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(clocked.fail(here, "alice"));
  EXPECT_EQ(clocked.wait_of(here, "alice"), 16) << "what was not looked at makes nothing worse";
  clocked.now += 16s;
  EXPECT_TRUE(clocked.fail(here, "alice"));
}

// Statement 28: by (login, address) and by address, never by login alone.
TEST(Throttle, ConcernsTheAttackerOnly) {
  Clocked clocked;
  for (int i = 0; i < 10; ++i) clocked.fail(here, "alice", 24h);
  EXPECT_EQ(clocked.wait_of(here, "bob"), 0) << "nobody else, as long as it is one login";
  for (int i = 0; i < 20; ++i) clocked.fail(here, std::to_string(i), 24h);
  EXPECT_GT(clocked.wait_of(here, "alice"), 60);
  EXPECT_GT(clocked.wait_of(here, "bob"), 60) << "the address as a whole";
  EXPECT_EQ(clocked.wait_of(elsewhere, "alice"), 0) << "the owner from elsewhere";
  EXPECT_EQ(clocked.succeed(elsewhere, "alice"), 0s);
}

TEST(Throttle, CountsAnAddressOverAllLogins) {
  Clocked clocked;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(clocked.fail(here, std::to_string(i)), 0s);
  EXPECT_EQ(clocked.wait_of(here, "alice"), 0);
  clocked.fail(here, "20");
  EXPECT_EQ(clocked.wait_of(here, "alice"), 1);
  clocked.fail(here, "21");
  EXPECT_EQ(clocked.wait_of(here, "alice"), 2);
}

TEST(Throttle, ForgetsALoginsFailuresWithItsSuccessButNotTheAddresss) {
  Clocked clocked;
  for (int i = 0; i < 4; ++i) clocked.fail(here, "alice");
  ASSERT_EQ(clocked.wait_of(here, "alice"), 1);
  EXPECT_EQ(clocked.succeed(here, "alice"), 1s);
  EXPECT_EQ(clocked.wait_of(here, "alice"), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(clocked.fail(here, "alice"), 0s) << "as at the beginning";
}

// An attacker with an account of his own logs in between his guesses at others'.
TEST(Throttle, IsNotResetByAnOwnAccount) {
  Clocked with_account;
  Clocked without;
  for (int i = 0; i < 26; ++i) {
    const std::string victim = std::to_string(i);
    with_account.fail(here, victim, 24h);
    without.fail(here, victim, 24h);
    with_account.now += 1h / 1000;
    without.now += 1h / 1000;
    const auto own = with_account.throttle.admit(here, "mallory", with_account.now, 0s);
    if (own) with_account.throttle.succeeded(here, "mallory", *own);
  }
  EXPECT_EQ(with_account.wait_of(here, "alice"), without.wait_of(here, "alice"));
  EXPECT_GT(without.wait_of(here, "alice"), 20);
}

TEST(Throttle, CountsAttemptsThatAreStillUnderWay) {
  Throttle throttle;
  const Throttle::Time now{1000h};
  std::vector<long> waits;
  for (int i = 0; i < 10; ++i) {
    if (const auto attempt = throttle.admit(here, "alice", now, 10s))
      waits.push_back(attempt->wait / 1s);
  }
  EXPECT_EQ(waits, (std::vector<long>{0, 0, 0, 0, 1, 3, 7})) << "one behind the other";
}

TEST(Throttle, TakesASuccessfulAttemptBackWhole) {
  Clocked clocked;
  for (int i = 0; i < 20; ++i) clocked.fail(here, std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(clocked.succeed(here, "alice"), 0s) << i;
}

// How many passwords an attacker tries in a day, who asks at every second.
TEST(Throttle, LeavesAGuesserFewGuesses) {
  const auto login = [](int n) { return std::to_string(n % 1000); };
  const auto source = [](int n) { return fmt::format("2001:db8:1:{:x}::/64", n % 0x10000); };
  const auto guesses = [](const auto& source_of_guess, const auto& login_of_guess) {
    Clocked clocked;
    int count = 0;
    for (const auto end = clocked.now + 24h; clocked.now < end; clocked.now += 1s)
      count += clocked.fail(source_of_guess(count), login_of_guess(count)) ? 1 : 0;
    return count;
  };
  const auto from_here = [](int) { return here; };
  const int at_one = guesses(from_here, [](int) { return "alice"; });
  const int at_many = guesses(from_here, login);
  const int of_network = guesses(source, login);
  RecordProperty("one_login_a_day", at_one);
  RecordProperty("many_logins_a_day", at_many);
  RecordProperty("network_a_day", of_network);
  EXPECT_LT(at_one, 80);
  EXPECT_LT(at_many, 400);
  EXPECT_LT(of_network, 1600);
}

TEST(Throttle, ForgetsWithTime) {
  Clocked clocked;
  for (int i = 0; i < 30; ++i) clocked.fail(here, "alice", 24h);
  clocked.now += 24h;
  EXPECT_EQ(clocked.wait_of(here, "alice"), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(clocked.fail(here, "alice"), 0s);

  // A printer with last year's password, which tries every ten minutes, makes nobody wait.
  Clocked printer;
  for (int i = 0; i < 1000; ++i) {
    printer.fail(here, "printer");
    printer.now += 10min;
  }
  EXPECT_EQ(printer.wait_of(here, "alice"), 0);
}

TEST(Throttle, LetsALoginBeSeenWhereItWasProved) {
  Clocked clocked;
  EXPECT_FALSE(clocked.throttle.may_peek(here, "alice", clocked.now));
  ASSERT_TRUE(clocked.succeed(here, "alice"));
  EXPECT_TRUE(clocked.throttle.may_peek(here, "alice", clocked.now));
  EXPECT_FALSE(clocked.throttle.may_peek(here, "bob", clocked.now)) << "another login";
  EXPECT_FALSE(clocked.throttle.may_peek(elsewhere, "alice", clocked.now)) << "another place";

  // Not for ever: it must not be a way to guess around the throttle.
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(clocked.throttle.may_peek(here, "alice", clocked.now)) << i;
    clocked.throttle.peeked_wrong(here, "alice", clocked.now);
  }
  EXPECT_FALSE(clocked.throttle.may_peek(here, "alice", clocked.now));
  clocked.throttle.peeked_right(here, "alice");
  EXPECT_FALSE(clocked.throttle.may_peek(here, "alice", clocked.now))
      << "nor does a success open it";
  clocked.now += 1min;
  EXPECT_TRUE(clocked.throttle.may_peek(here, "alice", clocked.now));
}

// Who has a /48 has 65536 /64s, more than the table of sources holds: each would have its free guesses again and again.
TEST(Throttle, CountsTheNetworkOfManySources) {
  const auto source = [](int n) { return fmt::format("2001:db8:1:{:x}::/64", n); };
  Clocked clocked;
  int guesses = 0;
  const auto start = clocked.now;
  for (int round = 0; round < 3; ++round) {
    for (int n = 0; n < 0x10000; ++n, clocked.now += 1ms)
      guesses += clocked.throttle.admit(source(n), "alice", clocked.now, 10s) ? 1 : 0;
  }
  EXPECT_GT(guesses, 100) << "an office's users mistype";
  EXPECT_LT(guesses, 200) << "in " << (clocked.now - start) / 1s << " seconds";
  EXPECT_GT(clocked.wait_of(source(7), "bob"), 1) << "whoever is guessed at";
  EXPECT_EQ(clocked.wait_of("2001:db8:2:7::/64", "alice"), 0) << "the owner from elsewhere";
  EXPECT_EQ(clocked.wait_of(here, "alice"), 0) << "the owner from elsewhere";
}

TEST(Throttle, LeavesAnOfficesNetworkUsable) {
  const auto source = [](int n) { return fmt::format("2001:db8:1:{:x}::/64", n); };
  Clocked clocked;
  ASSERT_TRUE(clocked.succeed(source(1), "alice"));
  for (int n = 2; n < 102; ++n) EXPECT_EQ(clocked.fail(source(n), "alice"), 0s) << n;
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(clocked.succeed(source(i), "bob"), 0s) << "a success is taken back whole";
  for (int n = 102; n < 200; ++n) clocked.fail(source(n), "alice", 24h);
  EXPECT_GT(clocked.wait_of(source(1), "alice"), 10);
  EXPECT_TRUE(clocked.throttle.may_peek(source(1), "alice", clocked.now))
      << "where she was proved before";
}

TEST(Throttle, HasALimitedMemory) {
  Clocked clocked({.entries = 100});
  for (int i = 0; i < 8; ++i) clocked.fail(here, "alice");
  ASSERT_GT(clocked.wait_of(here, "alice"), 10);
  for (int i = 0; i < 1000; ++i) clocked.fail(std::to_string(i), "x");
  EXPECT_GT(clocked.wait_of(here, "alice"), 10) << "who has not used up what is free makes room";

  for (int i = 0; i < 1000; ++i) {
    for (int n = 0; n < 4; ++n) clocked.fail(std::to_string(i), "y");
  }
  EXPECT_EQ(clocked.wait_of(here, "alice"), 0) << "where all matter, some have to go";
}

}  // namespace
}  // namespace postern::auth
