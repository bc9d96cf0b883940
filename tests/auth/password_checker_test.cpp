#include "auth/password_checker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "fixtures.h"

namespace postern::auth {
namespace {

class PasswordCheckerTest : public testing::Test {
 protected:
  /// Each from a source of its own, unless it is named.
  PasswordCheck check(PasswordChecker& checker, const UserTable& table, const std::string& name,
                      std::string_view password, std::string source = {}) {
    PasswordCheck result{};
    net::Nursery nursery(loop_.get_executor());
    if (source.empty()) source = std::to_string(++sources_);
    nursery.start(check_into(result, checker, table.account(name), {std::move(source), name},
                             Secret(password)));
    loop_.restart();
    loop_.run();
    return result;
  }

  static net::Task<> check_into(PasswordCheck& result, PasswordChecker& checker, Account account,
                                Claimant who, Secret password) {
    result = co_await checker.check(std::move(who), std::move(account), std::move(password));
  }

  net::asio::io_context loop_{1};
  net::asio::thread_pool pool_{2};
  LoginGate gate_;
  PasswordChecker checker_{pool_, gate_, 2};
  int sources_ = 0;
};

TEST_F(PasswordCheckerTest, TellsRightFromWrong) {
  const auto table = table_of_alice();
  EXPECT_EQ(check(checker_, *table, "alice", "correct horse"), PasswordCheck::right);
  EXPECT_EQ(check(checker_, *table, "alice", "wrong horse"), PasswordCheck::wrong);
  EXPECT_EQ(check(checker_, *table, "mallory", "correct horse"), PasswordCheck::wrong);
  EXPECT_EQ(check(checker_, *table, "alice", "correct horse"), PasswordCheck::right);
  EXPECT_EQ(check(checker_, *table, "alice", "wrong horse"), PasswordCheck::wrong)
      << "also once the right one is known";
}

TEST_F(PasswordCheckerTest, ForgetsAProofWhenThePasswordChanges) {
  const UserTable before = UserTable::parse(quick_line("alice", "correct horse"), "k");
  ASSERT_EQ(check(checker_, before, "alice", "correct horse"), PasswordCheck::right);
  const UserTable changed = UserTable::parse(quick_line("alice", "another password"), "k");
  EXPECT_EQ(check(checker_, changed, "alice", "correct horse"), PasswordCheck::wrong);
  EXPECT_EQ(check(checker_, changed, "alice", "another password"), PasswordCheck::right);
  const UserTable removed = UserTable::parse("", "k");
  EXPECT_EQ(check(checker_, removed, "alice", "another password"), PasswordCheck::wrong);
}

TEST_F(PasswordCheckerTest, TurnsAwayTheCrowdOfOneSource) {
  const auto table = table_of_alice();
  LoginGate narrow({.turns = {100, 1, 2}});
  PasswordChecker checker(pool_, narrow, 2);
  std::vector<PasswordCheck> results(5);
  PasswordCheck other{};
  net::Nursery nursery(loop_.get_executor());
  for (PasswordCheck& result : results) {
    nursery.start(check_into(result, checker, table->account("alice"), {"crowd", "alice"},
                             Secret("wrong horse")));
  }
  nursery.start(check_into(other, checker, table->account("alice"), {"elsewhere", "alice"},
                           Secret("correct horse")));
  loop_.run();
  EXPECT_EQ(std::count(results.begin(), results.end(), PasswordCheck::wrong), 3);
  EXPECT_EQ(std::count(results.begin(), results.end(), PasswordCheck::overloaded), 2);
  EXPECT_EQ(other, PasswordCheck::right);
  EXPECT_EQ(checker.running(), 0U);
}

/// As `check_into`; `order` gets to know who was done.
net::Task<> check_in_turn(std::string& order, char who, net::Task<> check) {
  co_await std::move(check);
  order += who;
}

// The order in which checks end, and not their time: that would measure who else uses the machine.
TEST_F(PasswordCheckerTest, ServesOthersBetweenTheGuessesOfOne) {
  const auto table = table_of_alice();
  std::vector<PasswordCheck> results(80);
  std::string order;
  net::Nursery nursery(loop_.get_executor());
  for (PasswordCheck& result : results) {
    const std::string name = std::to_string(&result - results.data());
    nursery.start(check_in_turn(order, '.',
                                check_into(result, checker_, table->account(name),
                                           {"attacker", name}, Secret("wrong horse"))));
  }
  PasswordCheck result{};
  nursery.start(check_in_turn(order, 'a',
                              check_into(result, checker_, table->account("alice"),
                                         {"owner", "alice"}, Secret("correct horse"))));
  while (order.find('a') == order.npos) loop_.run_one();
  net::asio::post(loop_, [&] { nursery.cancel(); });
  loop_.run();
  EXPECT_EQ(result, PasswordCheck::right);
  EXPECT_LE(order.find('a'), 5U) << order << ": those that ran already, and one in turn";
}

// Statement 28.
TEST_F(PasswordCheckerTest, LooksAtNoPasswordOfWhoFailedTooOften) {
  const auto table = table_of_alice();
  LoginGate impatient({.patience = std::chrono::seconds(0)});
  PasswordChecker checker(pool_, impatient, 2);
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(check(checker, *table, "alice", "wrong horse", "attacker"), PasswordCheck::wrong);
  EXPECT_EQ(check(checker, *table, "alice", "correct horse", "attacker"), PasswordCheck::throttled)
      << "not even the right one";
  EXPECT_EQ(check(checker, *table, "alice", "correct horse", "owner"), PasswordCheck::right);
  EXPECT_EQ(check(checker, *table, "alice", "correct horse", "attacker"), PasswordCheck::throttled)
      << "though it is known now to be right";
}

TEST_F(PasswordCheckerTest, LetsTheOwnerInWhereHeLoggedInBefore) {
  const auto table = table_of_alice();
  LoginGate impatient({.patience = std::chrono::seconds(0)});
  PasswordChecker checker(pool_, impatient, 2);
  ASSERT_EQ(check(checker, *table, "alice", "correct horse", "office"), PasswordCheck::right);
  for (int i = 0; i < 20; ++i) check(checker, *table, "alice", "wrong horse", "office");
  for (int i = 0; i < 40; ++i)
    check(checker, *table, "mallory" + std::to_string(i), "wrong horse", "office");
  ASSERT_EQ(check(checker, *table, "bob", "wrong horse", "office"), PasswordCheck::throttled);
  EXPECT_EQ(check(checker, *table, "alice", "correct horse", "office"), PasswordCheck::right);
  EXPECT_EQ(check(checker, *table, "bob", "wrong horse", "office"), PasswordCheck::throttled)
      << "for others nothing has changed";
}

/// The processor's time, of all threads: the clock on the wall would measure who else uses the machine.
double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// Behaviour 27: the medians of runs that alternate.
TEST_F(PasswordCheckerTest, TakesAsLongForUnknownUsersAsForWrongPasswords) {
  const auto table = table_of_alice();
  std::vector<double> known;
  std::vector<double> unknown;
  for (int i = 0; i < 200; ++i) {
    for (auto [name, times] : {std::pair("alice", &known), std::pair("mallory", &unknown)}) {
      const double begin = processor_seconds();
      ASSERT_EQ(check(checker_, *table, name, "wrong horse"), PasswordCheck::wrong);
      times->push_back(processor_seconds() - begin);
    }
  }
  const auto median = [](std::vector<double>& times) {
    std::nth_element(times.begin(), times.begin() + 100, times.end());
    return times[100];
  };
  EXPECT_NEAR(median(unknown) / median(known), 1.0, 0.2);
}

TEST(ProvenLogins, KnowsOnlyWhatItWasTold) {
  ProvenLogins proven;
  const Verifier verifier = quick_verifier("correct horse");
  EXPECT_FALSE(proven.knows("alice", verifier, "correct horse"));
  proven.remember("alice", verifier, "correct horse");
  EXPECT_TRUE(proven.knows("alice", verifier, "correct horse"));
  EXPECT_FALSE(proven.knows("alice", verifier, "correct hors"));
  EXPECT_FALSE(proven.knows("bob", verifier, "correct horse"));
  EXPECT_FALSE(
      proven.knows("alice", quick_verifier("correct horse", "another salt"), "correct horse"));
}

TEST(ProvenLogins, HasAnEnd) {
  ProvenLogins proven;
  const Verifier verifier = quick_verifier("x");
  for (std::size_t i = 0; i <= max_proven_logins; ++i)
    proven.remember(std::to_string(i), verifier, "x");
  EXPECT_FALSE(proven.knows("0", verifier, "x"));
  EXPECT_TRUE(proven.knows(std::to_string(max_proven_logins), verifier, "x"));
}

}  // namespace
}  // namespace postern::auth
