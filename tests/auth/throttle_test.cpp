#include "auth/throttle.h"

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
  const auto guesses = [](const auto& login_of) {
    Clocked clocked;
    int count = 0;
    for (const auto end = clocked.now + 24h; clocked.now < end; clocked.now += 1s)
      count += clocked.fail(here, login_of(count)) ? 1 : 0;
    return count;
  };
  const int at_one = guesses([](int) { return std::string("alice"); });
  const int at_many = guesses([](int n) { return std::to_string(n % 1000); });
  RecordProperty("one_login_a_day", at_one);
  RecordProperty("many_logins_a_day", at_many);
  EXPECT_LT(at_one, 80);
  EXPECT_LT(at_many, 400);
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

TEST(Throttle, HasALimitedMemory) {
  Clocked clocked({.entries = 100});
  for (int i = 0; i < 8; ++i) clocked.fail(here, "alice");
  ASSERT_GT(clocked.wait_of(here, "alice"), 10);
  for (int i = 0; i < 99; ++i) clocked.fail(std::to_string(i), "x");
  EXPECT_GT(clocked.wait_of(here, "alice"), 10);
  clocked.fail("99", "x");
  EXPECT_EQ(clocked.wait_of(here, "alice"), 0) << "the one that was quiet for longest makes room";
}

}  // namespace
}  // namespace postern::auth
