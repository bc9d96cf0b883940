#include "relaytest/visit.h"

#include <gtest/gtest.h>

#include "relaytest/planned_run.h"
#include "relaytest/prober.h"

namespace postern::relaytest {
namespace {

using std::chrono::seconds;

const Visit::Rules rules{.at_a_time = 3, .retry_after = seconds(100), .retries = 2};
const Visit::Instant start = Visit::Instant() + std::chrono::hours(1);
const system_clock::time_point today = system_clock::time_point() + std::chrono::hours(1000);

class Visiting : public testing::Test {
 protected:
  Visiting() {
    plan_probes(run_, std::vector<std::string>{"plain", "sender-null", "percent", "route",
                                               "vrfy-postmaster"});
  }

  Door& door() { return run_.doors.front(); }
  Visit visit() { return Visit(door(), rules, start, today); }

  /// Begins the next probe, and ends it with this.
  std::size_t have(Visit& visit, Visit::Instant now, Outcome outcome, std::string reply,
                   bool has_greeted = true) {
    EXPECT_TRUE(visit.may_begin(now));
    const std::size_t index = visit.begin();
    end(visit, index, now, outcome, std::move(reply), has_greeted);
    return index;
  }

  void end(Visit& visit, std::size_t index, Visit::Instant now, Outcome outcome, std::string reply,
           bool has_greeted = true) {
    Attempt attempt;
    attempt.probe = door().probes[index];
    attempt.probe.outcome = outcome;
    attempt.probe.reply = std::move(reply);
    attempt.has_greeted = has_greeted;
    if (has_greeted) attempt.greeting = "220 mx";
    if (attempt.probe.reply.starts_with("421")) attempt.farewell = attempt.probe.reply;
    visit.take_in(index, std::move(attempt), now);
    visit.end();
  }

  relaytest::Run run_ = run_without_probes();
};

TEST_F(Visiting, KnocksOnceBeforeItComesInNumbers) {
  Visit one = visit();
  const std::size_t first = one.begin();
  EXPECT_FALSE(one.may_begin(start)) << "nobody has greeted yet";
  end(one, first, start, Outcome::refused, "550 no");
  EXPECT_TRUE(door().is_reachable);
  EXPECT_EQ(door().greeting, "220 mx");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(one.may_begin(start));
    static_cast<void>(one.begin());
  }
  EXPECT_FALSE(one.may_begin(start)) << "three are enough at a time";
  EXPECT_FALSE(one.due());
}

TEST_F(Visiting, GoesInTheCataloguesOrder) {
  Visit one = visit();
  for (std::size_t i = 0; i < door().probes.size(); ++i) {
    EXPECT_EQ(have(one, start, Outcome::refused, "550 no"), i);
  }
  EXPECT_FALSE(one.due());
  EXPECT_TRUE(one.is_idle());
}

TEST_F(Visiting, ComesAgainToWhoDefers) {
  Visit one = visit();
  EXPECT_EQ(have(one, start, Outcome::deferred, "451 greylisted"), 0U);
  for (int i = 1; i < 5; ++i) have(one, start, Outcome::refused, "550 no");
  EXPECT_EQ(one.due(), start + seconds(100));
  EXPECT_FALSE(one.may_begin(start + seconds(99)));
  EXPECT_EQ(have(one, start + seconds(100), Outcome::deferred, "451 greylisted"), 0U);
  EXPECT_EQ(have(one, start + seconds(200), Outcome::deferred, "451 greylisted"), 0U);
  EXPECT_FALSE(one.due()) << "two retries are enough";
  EXPECT_EQ(door().probes[0].attempts, 3U);
  EXPECT_EQ(door().probes[0].outcome, Outcome::deferred);
}

TEST_F(Visiting, KnowsARefusalBehindATemporaryCode) {
  Visit one = visit();
  for (int i = 0; i < 4; ++i) have(one, start, Outcome::deferred, "454 4.7.1 Relay access denied");
  have(one, start, Outcome::deferred, "450 a question is not worth it");
  EXPECT_FALSE(one.due());
}

TEST_F(Visiting, LeavesWhoeverSays421) {
  Visit one = visit();
  have(one, start, Outcome::refused, "550 no");
  const std::size_t other = one.begin();
  have(one, start, Outcome::deferred, "421 4.7.0 too many");
  EXPECT_EQ(door().trouble, "421 4.7.0 too many");
  EXPECT_FALSE(one.due());
  end(one, other, start, Outcome::deferred, "451 later");
  EXPECT_FALSE(one.due()) << "not even for what was deferred";
  EXPECT_EQ(door().probes[3].outcome, Outcome::not_tried);
}

TEST_F(Visiting, GivesUpAfterThreeFailuresInARow) {
  Visit one = visit();
  have(one, start, Outcome::broken_off, "Connection refused", false);
  have(one, start, Outcome::no_answer, "no answer in time", false);
  have(one, start, Outcome::refused, "550 no");
  EXPECT_TRUE(one.due()) << "it lives";
  Visit another = visit();
  door().is_reachable = false;
  for (int i = 0; i < 2; ++i)
    have(another, start, Outcome::broken_off, "Connection refused", false);
  EXPECT_FALSE(another.due());
}

TEST_F(Visiting, SaysWhyItGaveUp) {
  Visit one = visit();
  for (int i = 0; i < 3; ++i) have(one, start, Outcome::broken_off, "Connection refused", false);
  EXPECT_FALSE(one.due());
  EXPECT_FALSE(door().is_reachable);
  EXPECT_EQ(door().trouble, "Connection refused");
  EXPECT_EQ(door().probes[3].outcome, Outcome::not_tried);
  EXPECT_FALSE(visit().due()) << "nor is it tried when the run is resumed";
}

TEST_F(Visiting, ResumesWhereARunWasInterrupted) {
  auto& probes = door().probes;
  probes[0].outcome = Outcome::refused;
  probes[1].outcome = Outcome::deferred;
  probes[1].attempts = 1;
  probes[1].answered_at = today - seconds(40);
  probes[2].outcome = Outcome::deferred;
  probes[2].attempts = 3;
  probes[3].outcome = Outcome::accepted;
  Visit one = visit();
  EXPECT_EQ(have(one, start, Outcome::refused, "502 no"), 4U) << "the one that was not tried";
  EXPECT_EQ(one.due(), start + seconds(60));
  EXPECT_EQ(have(one, start + seconds(60), Outcome::refused, "550 no"), 1U);
  EXPECT_FALSE(one.due());
}

TEST_F(Visiting, KeepsWhatCameBackDuringTheConversation) {
  Visit one = visit();
  const std::size_t index = one.begin();
  Attempt attempt;
  attempt.probe = door().probes[index];
  attempt.probe.outcome = Outcome::accepted;
  door().probes[index].returns.emplace_back();
  one.take_in(index, std::move(attempt), start);
  EXPECT_EQ(door().probes[index].returns.size(), 1U);
}

}  // namespace
}  // namespace postern::relaytest
