// Statement 52: the wall clock jumps by years, both ways, before a start, while the process lives, and after a restart.
// Nothing stops, nothing storms, and no mail is given up because of it.
#include "dispatch_bench.h"

namespace postern::queue {
namespace {

constexpr auto ten_years = std::chrono::hours(24 * 3652);
const WallTime true_time{std::chrono::hours(24 * 20000)};

// A queue that starts with what another one left, at a moment that the test chooses.
class Life {
 public:
  Life(WallTime wall, const std::vector<std::pair<mail::MessageId, MessageHead>>& messages,
       const std::vector<Update>& updates)
      : now{SteadyTime(10h), wall}, queue(*spool.store, settings(), now, 1) {
    for (const auto& [id, head] : messages) queue.ledger().on_message(id, head);
    for (const Update& update : updates) queue.ledger().on_update(update);
    queue.start(now);
  }

  void pass(net::Clock::duration time) {
    now.steady += time;
    now.wall += std::chrono::duration_cast<WallTime::duration>(time);
  }
  void jump(WallTime::duration by) { now.wall += by; }
  // Tries and defers all that becomes due, for so long; how often.
  int deferred_during(net::Clock::duration time) {
    int tries = 0;
    for (const SteadyTime end = now.steady + time; now.steady < end; pass(1min)) {
      while (const auto loan = queue.lend(now)) {
        ++tries;
        queue.end_turn(*loan, Schedule::Ending::served, now);
        Update update{loan->id, {}, false};
        for (const auto index : loan->recipients) {
          Change change = queue.change_of(loan->id, index, RecipientState::waiting,
                                          {{451, {4, 2, 0}, "later"}, "mx", now.wall}, now);
          change.next_attempt = now.on_wall(queue.next_attempt(++change.attempts, now));
          update.changes.push_back(std::move(change));
        }
        queue.apply(update, now);
      }
    }
    return tries;
  }
  std::size_t expired() { return queue.overdue(now, 100).expired.size(); }

  TemporaryDirectory directory;
  Spool spool{directory.path()};
  Moment now;
  Queue queue;
};

MessageHead head_of(WallTime arrival) {
  MessageHead head{envelope("a@from.example", {"b@to.example"}), arrival, 100, 0, false, {}};
  return head;
}
// Messages that came in one a minute, from the first to the last of these times.
std::vector<std::pair<mail::MessageId, MessageHead>> messages(std::uint64_t first, int count,
                                                              WallTime arrival) {
  std::vector<std::pair<mail::MessageId, MessageHead>> all;
  for (int i = 0; i < count; ++i) {
    all.emplace_back(mail::MessageId(first + static_cast<std::uint64_t>(i)),
                     head_of(arrival + i * 1min));
  }
  return all;
}

// One message in five hours: first_retry 5 min doubling to an hour, so 5, 15, 35, 75, 135 ... minutes.
constexpr int fewest_tries = 6;
constexpr int most_tries = 10;

TEST(WallClock, NeitherStopsNorStormsRetriesWhenItJumps) {
  for (const auto by : {ten_years, -ten_years}) {
    SCOPED_TRACE(by.count());
    Life life(true_time, messages(1, 1, true_time), {});
    EXPECT_EQ(life.deferred_during(1min), 1);
    life.jump(by);
    const int tries = 1 + life.deferred_during(5h);
    EXPECT_GE(tries, fewest_tries);
    EXPECT_LE(tries, most_tries);
    EXPECT_EQ(life.expired(), 0U);
  }
}

TEST(WallClock, NeitherStopsNorStormsRetriesOverARestart) {
  for (const auto by : {ten_years, -ten_years}) {
    SCOPED_TRACE(by.count());
    const auto mail = messages(1, 1, true_time + by);  // accepted and tried by the wrong clock
    std::vector<Update> left;
    {
      Life life(true_time + by, mail, {});
      EXPECT_GE(life.deferred_during(100min), 3);
      left.push_back(life.queue.ledger().state_of(mail::MessageId(1)));
    }
    Life life(true_time, mail, left);
    EXPECT_EQ(life.queue.ledger().find(mail::MessageId(1))->recipients[0].attempts,
              left[0].changes[0].attempts);
    const int tries = life.deferred_during(4h);
    EXPECT_GE(tries, 3) << "at most an hour apart, or a little more";
    EXPECT_LE(tries, 6);
    EXPECT_EQ(life.expired(), 0U);
  }
}

TEST(WallClock, GivesNoMailUpThatWasAcceptedWhileItWasWrong) {
  for (const auto by : {ten_years, -ten_years}) {
    SCOPED_TRACE(by.count());
    Life life(true_time, {}, {});
    life.jump(by);
    for (const auto& [id, head] : messages(7, 3, life.now.wall)) life.queue.add(id, head, life.now);
    life.jump(-by);
    life.pass(119h);
    EXPECT_EQ(life.expired(), 0U);
    life.pass(2h);
    EXPECT_EQ(life.expired(), 3U) << "nor keeps it for longer than it should";
  }
}

TEST(WallClock, GivesNoMailUpWhenItRunsAheadForAMinute) {
  Life life(true_time, messages(1, 3, true_time - 48h), {});
  life.jump(ten_years);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(1min);
  life.jump(-ten_years);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(71h);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(2h);
  EXPECT_EQ(life.expired(), 3U) << "as if nothing had happened";
}

TEST(WallClock, GivesNoMailUpThatSeemsOldBecauseItWasAheadAtTheStart) {
  Life life(true_time + ten_years, messages(1, 3, true_time - 2h), {});
  EXPECT_EQ(life.expired(), 0U);
  EXPECT_GE(life.deferred_during(1h), 3) << "and it is tried";
  life.jump(-ten_years);
  life.pass(90h);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(40h);
  EXPECT_EQ(life.expired(), 3U);
}

// Nobody ran Postern for a month: it looks the same as a clock that is ahead for good.
TEST(WallClock, LeavesOldMailAPartOfItsLifeAfterAStart) {
  Life life(true_time, messages(1, 3, true_time - 30 * 24h), {});
  EXPECT_EQ(life.expired(), 0U);
  EXPECT_GE(life.deferred_during(4h), 3 * 4);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(90min);
  EXPECT_EQ(life.expired(), 3U);
}

TEST(WallClock, TakesAnArrivalInTheFutureForNow) {
  Life life(true_time, messages(1, 3, true_time + ten_years), {});
  EXPECT_GE(life.deferred_during(1h), 3);
  life.pass(118h);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(2h);
  EXPECT_EQ(life.expired(), 3U);
}

// Ids come from the wall clock, too: one that was made while it was behind stands before all others.
TEST(WallClock, FindsOldMailBehindYoungMailWithASmallerId) {
  auto mail = messages(1000, 3, true_time - 100h);
  mail.emplace_back(mail::MessageId(1), head_of(true_time));
  {
    Life life(true_time, mail, {});  // as it lies in the spool
    life.pass(3h);
    EXPECT_EQ(life.queue.overdue(life.now, 100).late.size(), 3U) << "all but the young one";
    life.pass(18h);
    EXPECT_EQ(life.expired(), 3U);
    EXPECT_EQ(life.queue.overdue(life.now, 100).late.size(), 1U);
  }
  mail.pop_back();
  Life life(true_time, mail, {});
  life.jump(-ten_years);
  life.queue.add(mail::MessageId(1), head_of(life.now.wall), life.now);
  EXPECT_EQ(life.expired(), 0U) << "the clock was put back, and so they seem younger";
  life.pass(119h);
  EXPECT_EQ(life.expired(), 0U);
  life.pass(2h);
  EXPECT_EQ(life.expired(), 4U) << "but not for ever";
}

}  // namespace
}  // namespace postern::queue
