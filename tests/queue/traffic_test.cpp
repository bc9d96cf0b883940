// The schedule at work, against hosts that are simulated: how many connections they see, and how soon mail gets through.
// No time passes but in the simulation.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <queue>
#include <random>
#include <string>
#include <vector>

#include "queue/schedule.h"

namespace postern::queue {
namespace {

using namespace std::chrono_literals;
using Duration = net::Clock::duration;

/// How a host behaves, and what it has seen.
struct Host {
  std::size_t capacity = 1000;                 // connections; beyond, it says 421
  Duration takes = 100ms;                      // for one message
  std::optional<Duration> refuses_after = {};  // dead: a connection fails after so long
  std::size_t connections = 0;                 // now
  std::size_t most = 0;                        // at a time
  std::size_t dials = 0, served = 0, refused = 0;
  SteadyTime last_served{};
};

class Traffic {
 public:
  Traffic() { schedule.configure(20, 1h); }

  void send(const std::string& to, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i)
      schedule.put(to, mail::MessageId(++last_id_), now, now);
  }
  void run_for(Duration time) {
    const SteadyTime end = now + time;
    lend();
    for (;;) {
      const auto planned = schedule.wake_at();
      const SteadyTime ending = endings_.empty() ? SteadyTime::max() : endings_.top().time;
      const SteadyTime next = std::min(planned.value_or(SteadyTime::max()), ending);
      if (next > end) break;
      now = std::max(now, next);
      while (!endings_.empty() && endings_.top().time <= now) finish();
      lend();
    }
    now = end;
  }
  /// What a restart leaves: messages and their due times. `was_tried`: all of them.
  void restart(bool was_tried) {
    schedule = Schedule(7);
    schedule.configure(20, 1h);
    endings_ = {};
    for (auto& [name, host] : hosts) host.connections = 0;
    std::map<std::string, bool> destinations;
    for (const auto& [id, wait] : waits_) {
      schedule.put(wait.destination, mail::MessageId(id), wait.due, now);
      destinations[wait.destination] = true;
    }
    if (!was_tried) return;
    for (const auto& [name, is_there] : destinations) schedule.doubt(name);
  }

  std::map<std::string, Host> hosts;
  Schedule schedule{1};
  SteadyTime now{1000h};

 private:
  struct Wait {
    std::string destination;
    SteadyTime due;
    unsigned attempts = 0;
  };
  struct End {
    SteadyTime time;
    Schedule::Turn turn;
    bool is_served;
    bool operator<(const End& other) const { return time > other.time; }
  };

  void lend() {
    while (const auto turn = schedule.next(now)) {
      Host& host = hosts[turn->destination];
      ++host.dials;
      waits_.try_emplace(turn->id.value(), Wait{turn->destination, now});
      const bool is_full = host.connections >= host.capacity;
      host.most = std::max(host.most, ++host.connections);
      if (host.refuses_after) {
        endings_.push({now + *host.refuses_after, *turn, false});
      } else if (is_full) {
        endings_.push({now + 5ms, *turn, false});
      } else {
        // Not all alike, so that they do not march in step.
        std::uniform_real_distribution<> spread(0.8, 1.2);
        endings_.push({now + std::chrono::duration_cast<Duration>(host.takes * spread(random_)),
                       *turn, true});
      }
    }
  }
  void finish() {
    const End end = endings_.top();
    endings_.pop();
    Host& host = hosts[end.turn.destination];
    --host.connections;
    if (end.is_served) {
      ++host.served;
      host.last_served = now;
      waits_.erase(end.turn.id.value());
      schedule.ended(end.turn, Schedule::Ending::served, now);
      return;
    }
    ++host.refused;
    const auto effect = schedule.ended(end.turn, Schedule::Ending::unreachable, now, "no");
    Wait& wait = waits_[end.turn.id.value()];
    const Duration busy = Backoff(2s, 3600s).after(++wait.attempts, random_);
    wait.due = now + (effect.pause > Duration::zero() ? effect.pause : busy);
    schedule.put(end.turn.destination, end.turn.id, wait.due, now);
  }

  std::minstd_rand random_{3};
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Wait> waits_;  // of those that were ever lent and are not served
  std::priority_queue<End> endings_;
};

TEST(TrafficTest, FillsAFastDestination) {
  Traffic traffic;
  traffic.send("fast.example", 2000);
  traffic.run_for(12s);
  const Host& fast = traffic.hosts["fast.example"];
  EXPECT_EQ(fast.served, 2000U) << "20 at a time, 10 a second each";
  EXPECT_EQ(fast.most, 20U);
}

TEST(TrafficTest, IsAsFastBesideATarpit) {
  Traffic traffic;
  traffic.hosts["tarpit.example"].takes = 120s;
  traffic.send("tarpit.example", 5000);
  traffic.send("fast.example", 2000);
  traffic.run_for(12s);
  EXPECT_EQ(traffic.hosts["fast.example"].served, 2000U);
  EXPECT_LE(traffic.hosts["tarpit.example"].most, 20U);
}

// Four hundred hosts that say nothing for minutes, and then one that is new and good.
TEST(TrafficTest, IsAsFastBesideHundredsOfBlackHoles) {
  Traffic traffic;
  for (int i = 0; i < 400; ++i) {
    const std::string hole = "hole" + std::to_string(i) + ".example";
    traffic.hosts[hole].refuses_after = 150s;
    traffic.send(hole, 10);
  }
  traffic.run_for(10s);
  traffic.send("fast.example", 2000);
  traffic.run_for(12s);
  EXPECT_EQ(traffic.hosts["fast.example"].served, 2000U);
  for (int hours = 0; hours < 24; ++hours) traffic.run_for(1h);
  std::size_t most = 0;
  for (const auto& [name, host] : traffic.hosts) {
    if (host.refuses_after) most = std::max(most, host.dials);
  }
  EXPECT_LE(most, 45U) << "in a day, each";
}

TEST(TrafficTest, DialsADeadDestinationOnceForAllItsMail) {
  Traffic traffic;
  Host& dead = traffic.hosts["dead.example"];
  dead.refuses_after = 10ms;
  traffic.send("dead.example", 1);
  traffic.run_for(1s);
  EXPECT_EQ(dead.dials, 1U);
  for (int minute = 0; minute < 60; ++minute) {
    traffic.send("dead.example", 100);
    traffic.run_for(1min);
  }
  EXPECT_LE(dead.dials, 9U) << "1, 2, 4, 8 ... minutes apart, whatever comes in";
  EXPECT_EQ(dead.most, 1U);
}

TEST(TrafficTest, FindsOutHowManyConnectionsABusyDestinationTakes) {
  for (const std::size_t capacity : {1U, 3U, 10U}) {
    SCOPED_TRACE(capacity);
    Traffic traffic;
    Host& busy = traffic.hosts["busy.example"];
    busy.capacity = capacity;
    traffic.send("busy.example", 500 * capacity);
    traffic.run_for(100s);
    EXPECT_EQ(busy.served, 500 * capacity) << "half of what it can is the least";
    EXPECT_LE(busy.last_served - SteadyTime(1000h), 50s * 1.5) << "two thirds, in fact";
    EXPECT_LE(busy.most, std::max<std::size_t>(capacity + 2, 5)) << "and at first five";
    EXPECT_LE(busy.refused, busy.served / 2);
  }
}

// 10,000 messages wait out an outage of six hours.
TEST(TrafficTest, ComesBackFromAnOutageOneByOne) {
  Traffic traffic;
  Host& host = traffic.hosts["back.example"];
  traffic.send("back.example", 200);
  traffic.run_for(1min);
  ASSERT_EQ(host.served, 200U);
  host.refuses_after = 30s;
  traffic.send("back.example", 10'000);
  const auto before = host.dials;
  for (int hour = 0; hour < 6; ++hour) traffic.run_for(1h);
  EXPECT_LE(host.dials - before, 20U + 1U + 12U) << "those under way, one more, and then probes";
  host.refuses_after.reset();
  host.most = 0;
  const auto back_at = traffic.now;
  traffic.run_for(73min);  // the longest pause
  EXPECT_EQ(host.served, 10'200U);
  EXPECT_LE(host.most, 20U);
  EXPECT_LE(host.last_served - back_at, 73min);
}

TEST(TrafficTest, ProbesOnceWhenAllIsFlushedHoweverOften) {
  Traffic traffic;
  Host& dead = traffic.hosts["dead.example"];
  dead.refuses_after = 1s;
  traffic.send("dead.example", 10'000);
  traffic.run_for(10min);
  dead.most = 0;
  const auto before = dead.dials;
  for (int i = 0; i < 20; ++i) {
    traffic.schedule.wake_all(traffic.now);
    traffic.run_for(5s);
  }
  EXPECT_EQ(dead.dials - before, 20U);
  EXPECT_EQ(dead.most, 1U);
}

TEST(TrafficTest, BeginsWithAProbeAfterARestart) {
  Traffic traffic;
  Host& dead = traffic.hosts["dead.example"];
  dead.refuses_after = 1s;
  traffic.send("dead.example", 5);
  traffic.run_for(20min);
  dead.most = 0;
  const auto before = dead.dials;
  traffic.restart(true);
  traffic.run_for(20min);
  EXPECT_EQ(dead.most, 1U);
  EXPECT_LE(dead.dials - before, 6U);
}

}  // namespace
}  // namespace postern::queue
