#include "queue/schedule.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

namespace postern::queue {
namespace {

using namespace std::chrono_literals;

const SteadyTime start{1000h};

mail::MessageId id(std::uint64_t value) { return mail::MessageId(value); }

class ScheduleTest : public testing::Test {
 protected:
  ScheduleTest() { schedule.configure(20, 1h); }

  void put(const std::string& destination, std::uint64_t from, std::uint64_t to,
           SteadyTime due = start) {
    for (auto i = from; i <= to; ++i) schedule.put(destination, id(i), due, now);
  }
  // Lends out all that can be; to whom, in order.
  std::vector<std::string> turns() {
    std::vector<std::string> destinations;
    while (const auto turn = schedule.next(now)) {
      destinations.push_back(turn->destination);
      lent[turn->destination].push_back(*turn);
    }
    return destinations;
  }
  // The oldest lease of the destination ends.
  Schedule::Effect ended(const std::string& destination, Schedule::Ending ending,
                         const std::string& reason = {}) {
    auto& turns = lent[destination];
    if (turns.empty()) {
      ADD_FAILURE() << "nothing is lent to " << destination;
      return {};
    }
    const Schedule::Turn turn = turns.front();
    turns.erase(turns.begin());
    return schedule.ended(turn, ending, now, reason);
  }
  net::Clock::duration fail_all(const std::string& destination, Schedule::Ending ending) {
    net::Clock::duration pause{};
    EXPECT_GE(turns().size(), 1U);
    while (!lent[destination].empty()) pause = ended(destination, ending).pause;
    return pause;
  }

  Schedule schedule{1};
  std::map<std::string, std::vector<Schedule::Turn>> lent;
  SteadyTime now = start;
};

TEST_F(ScheduleTest, GivesMessagesInTheOrderOfTheirDueTimes) {
  schedule.put("a.example", id(1), start + 2s, now);
  schedule.put("a.example", id(2), start + 1s, now);
  EXPECT_FALSE(schedule.next(now));
  EXPECT_EQ(schedule.wake_at(), start + 1s);
  now += 2s;
  EXPECT_EQ(schedule.next(now)->id, id(2));
  EXPECT_EQ(schedule.next(now)->id, id(1));
  EXPECT_FALSE(schedule.next(now));
}

TEST_F(ScheduleTest, LetsDestinationsTakeTurns) {
  put("big.example", 1, 100);
  put("small.example", 200, 201);
  const auto order = turns();
  ASSERT_GE(order.size(), 4U);
  EXPECT_EQ((std::set<std::string>{order[0], order[1]}.size()), 2U);
  EXPECT_EQ((std::set<std::string>{order[2], order[3]}.size()), 2U);
}

TEST_F(ScheduleTest, LendsFiveAtFirstAndOneMoreForEachThatWentWellUpToTheLimit) {
  put("a.example", 1, 500);
  std::size_t running = turns().size();
  EXPECT_EQ(running, 5U);
  for (int i = 0; i < 100; ++i) {
    ended("a.example", Schedule::Ending::served);
    --running;
    running += turns().size();
  }
  EXPECT_EQ(running, 20U);  // statement 81
}

TEST_F(ScheduleTest, NeverLendsMoreThanTheLimitToOneDestination) {
  schedule.configure(2, 1h);
  put("a.example", 1, 10);
  EXPECT_EQ(turns().size(), 2U);
}

TEST_F(ScheduleTest, LendsNoMoreThanSoManyInAll) {
  for (int i = 0; i < 60; ++i) {
    const std::string destination = "d" + std::to_string(i) + ".example";
    put(destination, 1, 100);
    std::size_t so_many = turns().size();
    for (int j = 0; j < 40 && !lent[destination].empty(); ++j) {  // grows as wide as it may
      ended(destination, Schedule::Ending::served);
      so_many += turns().size();
    }
    if (i < 50) {
      EXPECT_EQ(so_many, 40U + 20U);
    }
  }
  std::size_t out = 0;
  for (const auto& [destination, turns] : lent) out += turns.size();
  EXPECT_EQ(out, max_leases);
  ended("d0.example", Schedule::Ending::served);
  EXPECT_EQ(turns().size(), 1U);
}

// Statement 82.
TEST_F(ScheduleTest, LetsNewMailForADeadDestinationWaitWithTheOld) {
  put("dead.example", 1, 1);
  ASSERT_EQ(turns().size(), 1U);
  const auto pause = ended("dead.example", Schedule::Ending::unreachable).pause;
  EXPECT_GE(pause, 48s);
  EXPECT_LE(pause, 72s);
  put("dead.example", 2, 10);
  put("alive.example", 20, 20);
  EXPECT_EQ(turns(), (std::vector<std::string>{"alive.example"}));
  now += pause;
  EXPECT_EQ(turns().size(), 1U) << "one message finds out whether it is back";
  ended("dead.example", Schedule::Ending::served);
  EXPECT_EQ(turns().size(), 2U) << "then it grows again";
}

TEST_F(ScheduleTest, PausesLongerEachTimeUpToTheLongestRetry) {
  put("dead.example", 1, 50);
  net::Clock::duration longest{};
  for (int i = 0; i < 12; ++i) {
    const auto pause = fail_all("dead.example", Schedule::Ending::unreachable);
    EXPECT_LE(pause, 72min);
    longest = std::max(longest, pause);
    now += pause;
  }
  EXPECT_GE(longest, 48min);
}

TEST_F(ScheduleTest, CountsLeasesThatFailTogetherAsOneFailure) {
  put("dead.example", 1, 5);
  ASSERT_EQ(turns().size(), 5U);
  put("dead.example", 6, 50);
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(ended("dead.example", Schedule::Ending::unreachable).is_paused);
    EXPECT_TRUE(turns().empty()) << "those still out are the probes";
  }
  const auto last = ended("dead.example", Schedule::Ending::unreachable);
  EXPECT_TRUE(last.is_paused);
  EXPECT_GE(last.pause, 48s);
  EXPECT_LE(last.pause, 72s) << "one failure, not five";
}

TEST_F(ScheduleTest, ProbesARefusedRouteAtLeastEveryQuarterOfAnHour) {
  put("smtps://relay.example:465", 1, 30);
  for (int i = 0; i < 10; ++i) {
    const auto pause = fail_all("smtps://relay.example:465", Schedule::Ending::route_refused);
    EXPECT_LE(pause, 18min);
    now += pause;
  }
}

TEST_F(ScheduleTest, WokenTriesAtOnce) {
  put("dead.example", 1, 2);
  (void)turns();
  (void)ended("dead.example", Schedule::Ending::unreachable);
  (void)ended("dead.example", Schedule::Ending::unreachable);
  put("dead.example", 3, 3);
  EXPECT_TRUE(turns().empty());
  EXPECT_TRUE(schedule.pause_of("dead.example", now));
  schedule.wake("dead.example", now);
  EXPECT_EQ(turns().size(), 1U);
  put("dead.example", 4, 20);
  EXPECT_TRUE(turns().empty()) << "one probe, however much waits";
  EXPECT_LE(ended("dead.example", Schedule::Ending::unreachable).pause, 72s) << "as at first";
}

// One that fails while others are served costs no pause; the one that asked for it comes back soon.
TEST_F(ScheduleTest, SlowsDownWhereADestinationThatLivesRefusesMore) {
  put("busy.example", 1, 100);
  ASSERT_EQ(turns().size(), 5U);
  ended("busy.example", Schedule::Ending::served);
  ASSERT_EQ(turns().size(), 2U) << "one more than before";
  const auto effect = ended("busy.example", Schedule::Ending::unreachable, "421 too many");
  EXPECT_TRUE(effect.is_slowed);
  EXPECT_EQ(effect.window, 3U);
  EXPECT_FALSE(effect.is_paused);
  EXPECT_EQ(effect.pause, net::Clock::duration::zero());
  EXPECT_FALSE(schedule.pause_of("busy.example", now));
}

TEST_F(ScheduleTest, BeginsWithOneProbeWhereAllHadFailedBeforeARestart) {
  put("doubtful.example", 1, 10, start + 10min);
  schedule.doubt("doubtful.example");
  EXPECT_TRUE(turns().empty()) << "not before it is due";
  now += 10min;
  EXPECT_EQ(turns().size(), 1U);
  ended("doubtful.example", Schedule::Ending::served);
  EXPECT_EQ(turns().size(), 2U);
}

// Hosts that never answer hold their leases for minutes. However many there are, one that answers gets its turn.
TEST_F(ScheduleTest, KeepsRoomBesideHundredsOfBlackHoles) {
  for (int i = 0; i < 500; ++i) put("hole" + std::to_string(i) + ".example", 1, 20);
  const std::size_t first = turns().size();
  EXPECT_GE(first, 500U) << "each gets its chance";
  EXPECT_LT(first, max_unproven_leases);
  put("good.example", 1, 1000);
  EXPECT_EQ(turns(), std::vector<std::string>{"good.example"});
  for (int i = 0; i < 1000; ++i) {
    ended("good.example", Schedule::Ending::served);
    (void)turns();
    if (i == 100) {
      EXPECT_EQ(lent["good.example"].size(), 20U) << "all that it may have";
    }
  }
  EXPECT_TRUE(lent["good.example"].empty());
}

TEST_F(ScheduleTest, ForgetsAProofAfterAWhile) {
  put("a.example", 1, 100);
  put("b.example", 1, 100);
  (void)turns();
  ended("a.example", Schedule::Ending::served);
  const auto next = schedule.next(now, Schedule::Whose::proven);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->destination, "a.example");
  while (schedule.next(now, Schedule::Whose::proven)) {
  }
  now += 2 * proof_lasts;
  EXPECT_FALSE(schedule.next(now, Schedule::Whose::proven));
  ended("a.example", Schedule::Ending::nothing);
  EXPECT_FALSE(schedule.next(now, Schedule::Whose::proven)) << "nothing was served lately";
}

TEST_F(ScheduleTest, TellsUntilWhenALinePausesAndWhy) {
  put("dead.example", 1, 1);
  ASSERT_EQ(turns().size(), 1U);
  EXPECT_FALSE(schedule.pause_of("dead.example", now));
  const auto pause = ended("dead.example", Schedule::Ending::unreachable, "nobody listens").pause;
  const auto told = schedule.pause_of("dead.example", now);
  ASSERT_TRUE(told);
  EXPECT_EQ(told->until, now + pause);
  EXPECT_EQ(told->reason, "nobody listens");
  EXPECT_FALSE(schedule.pause_of("dead.example", now + pause)) << "it is over";
  EXPECT_FALSE(schedule.pause_of("other.example", now));
}

TEST_F(ScheduleTest, ForgetsDestinationsThatHaveNothing) {
  put("a.example", 1, 3);
  put("b.example", 1, 1, start + 1h);
  EXPECT_EQ(turns().size(), 3U);
  for (int i = 0; i < 3; ++i) ended("a.example", Schedule::Ending::served);
  schedule.remove("b.example", id(1));
  now += 2h;
  EXPECT_FALSE(schedule.next(now));
  EXPECT_EQ(schedule.lines(), 0U);
  EXPECT_FALSE(schedule.wake_at());
}

TEST_F(ScheduleTest, PutAgainMovesAMessageInsteadOfDoublingIt) {
  schedule.put("a.example", id(1), start + 1h, now);
  schedule.put("a.example", id(1), start, now);
  EXPECT_EQ(turns().size(), 1U);
  ended("a.example", Schedule::Ending::served);
  now += 2h;
  EXPECT_TRUE(turns().empty());
}

TEST(Backoff, DoublesUpToItsLimitAndVariesByAFifth) {
  std::minstd_rand random(1);
  const Backoff backoff(5min, 1h);
  const struct {
    unsigned failures;
    std::chrono::minutes middle;
  } rows[] = {{1, 5min}, {2, 10min}, {3, 20min}, {4, 40min}, {5, 60min}, {1000000, 60min}};
  for (const auto& row : rows) {
    std::set<net::Clock::duration> seen;
    for (int i = 0; i < 100; ++i) {
      const auto delay = backoff.after(row.failures, random);
      EXPECT_GE(delay, row.middle * 0.79);
      EXPECT_LE(delay, row.middle * 1.21);
      seen.insert(delay);
    }
    EXPECT_GT(seen.size(), 50U);
  }
}

// Statement 52.
TEST(Moment, ClampsTimesThatAWrongClockWroteDown) {
  const Moment now{start, WallTime(1000000h)};
  EXPECT_EQ(now.upcoming(now.wall + 10min, 1h), start + 10min);
  EXPECT_EQ(now.upcoming(now.wall + 10000h, 1h), start + 1h);
  EXPECT_EQ(now.upcoming(now.wall - 10000h, 1h), start);
  EXPECT_EQ(now.past(now.wall - 10min), start - 10min);
  EXPECT_EQ(now.past(now.wall + 10000h), start);
}

}  // namespace
}  // namespace postern::queue
