#include "queue/schedule.h"

#include <gtest/gtest.h>

#include <set>

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
  std::vector<std::string> turns() {
    std::vector<std::string> destinations;
    while (const auto turn = schedule.next(now)) destinations.push_back(turn->destination);
    return destinations;
  }
  net::Clock::duration fail_all(const std::string& destination, Schedule::Ending ending) {
    net::Clock::duration pause{};
    const auto lent = turns().size();
    EXPECT_GE(lent, 1U);
    for (std::size_t i = 0; i < lent; ++i) pause = schedule.ended(destination, ending, now);
    return pause;
  }

  Schedule schedule{1};
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
    schedule.ended("a.example", Schedule::Ending::served, now);
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
  for (int i = 0; i < 300; ++i) put("d" + std::to_string(i) + ".example", 1, 1);
  EXPECT_EQ(turns().size(), max_leases);
  schedule.ended("d0.example", Schedule::Ending::served, now);
  EXPECT_EQ(turns().size(), 1U);
}

// Statement 82.
TEST_F(ScheduleTest, LetsNewMailForADeadDestinationWaitWithTheOld) {
  put("dead.example", 1, 1);
  ASSERT_EQ(turns().size(), 1U);
  const auto pause = schedule.ended("dead.example", Schedule::Ending::unreachable, now);
  EXPECT_GE(pause, 48s);
  EXPECT_LE(pause, 72s);
  put("dead.example", 2, 10);
  put("alive.example", 20, 20);
  EXPECT_EQ(turns(), (std::vector<std::string>{"alive.example"}));
  now += pause;
  EXPECT_EQ(turns().size(), 1U) << "one message finds out whether it is back";
  schedule.ended("dead.example", Schedule::Ending::served, now);
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
  const auto first = schedule.ended("dead.example", Schedule::Ending::unreachable, now);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(schedule.ended("dead.example", Schedule::Ending::unreachable, now), first);
  }
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
  (void)schedule.ended("dead.example", Schedule::Ending::unreachable, now);
  (void)schedule.ended("dead.example", Schedule::Ending::unreachable, now);
  put("dead.example", 3, 3);
  EXPECT_TRUE(turns().empty());
  EXPECT_TRUE(schedule.pause_of("dead.example", now));
  schedule.wake("dead.example", now);
  EXPECT_EQ(turns().size(), 1U);
}

TEST_F(ScheduleTest, TellsUntilWhenALinePausesAndWhy) {
  put("dead.example", 1, 1);
  ASSERT_EQ(turns().size(), 1U);
  EXPECT_FALSE(schedule.pause_of("dead.example", now));
  const auto pause =
      schedule.ended("dead.example", Schedule::Ending::unreachable, now, "nobody listens");
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
  for (int i = 0; i < 3; ++i) schedule.ended("a.example", Schedule::Ending::served, now);
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
  schedule.ended("a.example", Schedule::Ending::served, now);
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
