// What operators do to the queue (statement 53), and what lasts of it.
#include "queue/errand.h"

#include <gmock/gmock.h>

#include "control_bench.h"

namespace postern::queue {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

using States = std::vector<RecipientState>;
constexpr auto waiting = RecipientState::waiting;
constexpr auto held = RecipientState::held;
constexpr auto bounced = RecipientState::bounced;

const std::vector<std::string> two{"b@to.example", "c@two.example"};

class ErrandTest : public ControlTest {
 protected:
  // The reports that wait now: those to the sender.
  std::vector<frames::Lease> reports() {
    std::vector<frames::Lease> found;
    for (frames::Lease& lease : lent()) {
      if (!lease.reverse_path) found.push_back(std::move(lease));
    }
    return found;
  }
  void fail_next_write() { spool.disk->fail_at(1, 1, boost::system::errc::io_error); }
};

TEST_F(ErrandTest, HoldsJustThoseThatAreMeantAndForGood) {
  accept(1, envelope("a@from.example", two));
  const auto answer = act(QueueAction::hold, to_domain("two.example"));
  EXPECT_EQ(answer.done.count, 1U);
  EXPECT_THAT(answer.recipients(), SizeIs(1));
  const auto tried = lent();
  ASSERT_THAT(tried, SizeIs(1));
  EXPECT_EQ(tried[0].domain, "to.example");
  EXPECT_THAT(act(QueueAction::hold, to_domain("two.example")).parts, IsEmpty())
      << "once is enough";
  EXPECT_EQ(on_disk()[1], (States{waiting, held}));
}

TEST_F(ErrandTest, NeitherExpiresNorWarnsOfWhatIsHeld) {
  accept(1);
  act(QueueAction::hold);
  for (const auto time : {5h, 200h}) {
    pass(time);
    reporter.sweep(now);
    spool.run();
    EXPECT_THAT(lent(), IsEmpty());
  }
  EXPECT_EQ(state(1), held);
}

// Of a message that is late, the sender hears about those that are on their way.
TEST_F(ErrandTest, WarnsOfTheOthersOnly) {
  accept(1, envelope("a@from.example", two));
  act(QueueAction::hold, to_domain("two.example"));
  report(lent().front(), {later});
  pass(5h);
  reporter.sweep(now);
  spool.run();
  const auto found = reports();
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].content, HasSubstr("Final-Recipient: rfc822; b@to.example"));
  EXPECT_THAT(found[0].content, Not(HasSubstr("c@two.example")));
}

struct LentTest : ErrandTest {
  LentTest() {
    accept(1);
    lease = std::move(lent().front());
  }
  frames::Lease lease;
};

TEST_F(LentTest, IsHeldOnDiskBeforeItsAttemptEnds) {
  const auto answer = act(QueueAction::hold);
  EXPECT_EQ(answer.parts.at(0).recipients.at(0).state, RecipientState::leased);
  EXPECT_EQ(on_disk()[1], States{held});
}
TEST_F(LentTest, IsHeldWhenItIsDeferred) {
  act(QueueAction::hold);
  report(lease, {later});
  EXPECT_EQ(state(1), held);
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1))->recipients[0].attempts, 1U);
  pass(2h);
  EXPECT_THAT(lent(), IsEmpty());
  EXPECT_EQ(on_disk()[1], States{held});
}
TEST_F(LentTest, IsHeldWhenItsDestinationCannotBeReached) {
  act(QueueAction::hold);
  report(lease, {}, Hindrance::unreachable);
  EXPECT_EQ(on_disk()[1], States{held});
}
TEST_F(LentTest, IsHeldWhenItsDeliveryIsKilled) {
  act(QueueAction::hold);
  connect();
  EXPECT_EQ(state(1), held);
  EXPECT_THAT(lent(), IsEmpty());
}
TEST_F(LentTest, IsDeliveredOrBouncedAllTheSame) {
  act(QueueAction::hold);
  report(lease, {ok});
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(on_disk()[1], States{RecipientState::delivered});
}
TEST_F(LentTest, IsNotHeldWhenItIsReleasedBeforeItsAttemptEnds) {
  act(QueueAction::hold);
  act(QueueAction::release);
  EXPECT_THAT(lent(), IsEmpty()) << "not lent twice";
  report(lease, {later});
  EXPECT_EQ(state(1), waiting);
  EXPECT_EQ(on_disk()[1], States{waiting});
}
TEST_F(LentTest, IsLeftAloneByDeleteAndBounceWhichSaySo) {
  for (const auto action : {QueueAction::remove, QueueAction::bounce}) {
    const auto answer = act(action);
    EXPECT_EQ(answer.done.count, 0U);
    ASSERT_THAT(answer.parts, SizeIs(1));
    EXPECT_EQ(answer.parts[0].recipients.at(0).state, RecipientState::leased);
  }
  report(lease, {ok});
  EXPECT_EQ(on_disk()[1], States{RecipientState::delivered});
}
TEST_F(LentTest, IsNotHeldWhereThatCannotBeWritten) {
  fail_next_write();
  EXPECT_THAT(act(QueueAction::hold).done.error, HasSubstr("written down"));
  report(lease, {later});
  EXPECT_EQ(state(1), waiting);
}

TEST_F(ErrandTest, ReleasesAtOnceWhateverItsDestinationsPause) {
  accept(1);
  report(lent().front(), {}, Hindrance::unreachable);
  act(QueueAction::hold);
  act(QueueAction::release);
  EXPECT_THAT(lent(), SizeIs(1));
  EXPECT_EQ(on_disk()[1], States{waiting});
}

TEST_F(ErrandTest, TriesOnceMoreWhatIsTooOldWhenItIsReleased) {
  accept(1);
  report(lent().front(), {later});
  act(QueueAction::hold);
  pass(200h);
  act(QueueAction::release);
  reporter.sweep(now);
  const auto tried = lent();
  ASSERT_THAT(tried, SizeIs(1));
  EXPECT_TRUE(tried[0].reverse_path) << "the message, no bounce";
  report(tried[0], {later});
  reporter.sweep(now);
  spool.run();
  ASSERT_THAT(reports(), SizeIs(1)) << "and then it has expired";
}

// A route that was refused is no attempt.
TEST_F(ErrandTest, OwesItsAttemptToReleasedMailUntilItWasMade) {
  accept(1);
  report(lent().front(), {later});
  act(QueueAction::hold);
  pass(200h);
  act(QueueAction::release);
  report(lent().front(), {}, frames::Hindrance::route);
  reporter.sweep(now);
  spool.run();
  EXPECT_EQ(state(1), waiting) << "it expired without an attempt";
}

// The least that who wants to stop a message may expect is that it does not go out now.
TEST_F(ErrandTest, LeavesTheDueTimeAloneWhereItCannotWriteDownAHold) {
  accept(1);
  report(lent().front(), {later});
  const auto due = queue.ledger().find(mail::MessageId(1))->recipients[0].due;
  fail_next_write();
  EXPECT_EQ(act(QueueAction::hold).done.count, 0U);
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1))->recipients[0].due, due);
  EXPECT_THAT(lent(), IsEmpty());
}

// Its attempt ended while the hold was being written, which failed.
TEST_F(ErrandTest, HoldsNobodyBackAgainstItsWord) {
  accept(1);
  const auto tried = lent();
  queue.hold_lent(mail::MessageId(1), {0}, true, now);
  report(tried.front(), {later});
  EXPECT_EQ(state(1), held);
  queue.hold_lent(mail::MessageId(1), {0}, false, now);
  spool.run();
  EXPECT_EQ(state(1), waiting);
  EXPECT_EQ(on_disk()[1], States{waiting});
}

TEST_F(ErrandTest, ReturnsJustThoseThatAreMeantWithTheLastAnswer) {
  accept(1, envelope("a@from.example", two));
  for (const auto& lease : lent()) report(lease, {later});
  EXPECT_EQ(act(QueueAction::bounce, to_domain("two.example")).done.count, 1U);
  EXPECT_EQ(state(1, 0), waiting);
  const auto found = reports();
  ASSERT_THAT(found, SizeIs(1));
  for (const auto words : {"Final-Recipient: rfc822; c@two.example", "Action: failed",
                           "Status: 5.0.0", "returned by the operator", "greylisted"})
    EXPECT_THAT(found[0].content, HasSubstr(words));
  EXPECT_THAT(found[0].content, Not(HasSubstr("b@to.example")));
  EXPECT_EQ(on_disk()[1], (States{waiting, bounced}));
}

TEST_F(ErrandTest, ReturnsWhatIsHeld) {
  accept(1);
  act(QueueAction::hold);
  act(QueueAction::bounce);
  EXPECT_THAT(reports(), SizeIs(1));
  EXPECT_EQ(on_disk()[1], States{bounced});
}

TEST_F(ErrandTest, TellsNobodyOfAReturnWhoDoesNotWantToHearOfIt) {
  mail::Envelope never_told = envelope("a@from.example", {"b@to.example"});
  never_told.recipients[0].notify.never = true;
  accept(1, never_told);
  accept(2, envelope("", {"b@to.example"}));
  EXPECT_EQ(act(QueueAction::bounce).done.count, 2U);
  EXPECT_THAT(lent(), IsEmpty());
  EXPECT_EQ(queue.size(), 0U);
  auto states = on_disk();
  EXPECT_EQ(states[1], States{bounced});
  EXPECT_EQ(states[2], States{bounced});
}

struct FaultTest : ErrandTest, testing::WithParamInterface<std::pair<QueueAction, bool>> {};
TEST_P(FaultTest, LeavesAllAsItWasAndSaysSo) {
  const auto [action, is_told] = GetParam();
  mail::Envelope made = envelope("a@from.example", two);
  made.recipients[0].notify.never = made.recipients[1].notify.never = !is_told;
  accept(1, made);
  act(QueueAction::hold, to_domain("two.example"));
  fail_next_write();
  const auto answer = act(action);
  EXPECT_EQ(answer.done.count, 0U);
  EXPECT_THAT(answer.parts, IsEmpty());
  EXPECT_THAT(answer.done.error, HasSubstr("could not be written down"));
  EXPECT_EQ(state(1, 0), waiting);
  EXPECT_EQ(state(1, 1), held);
  EXPECT_EQ(act(action).done.count, 1U) << "the next time it can";
}
INSTANTIATE_TEST_SUITE_P(Errand, FaultTest,
                         testing::Values(std::pair(QueueAction::hold, true),
                                         std::pair(QueueAction::release, true),
                                         std::pair(QueueAction::remove, true),
                                         std::pair(QueueAction::bounce, true),
                                         std::pair(QueueAction::bounce, false)),
                         [](const auto& row) { return std::to_string(row.index); });

TEST_F(ErrandTest, DeletesForGood) {
  accept(1, envelope("a@from.example", two));
  accept(2);
  act(QueueAction::hold, only(1));
  EXPECT_EQ(act(QueueAction::remove, to_domain("to.example")).done.count, 2U);
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_THAT(lent(), IsEmpty());
  auto states = on_disk();
  EXPECT_EQ(states[1], (States{RecipientState::deleted, held}));
  EXPECT_EQ(states[2], States{RecipientState::deleted});
}

TEST_F(ErrandTest, FlushesJustThoseThatAreMeantAndNothingHeld) {
  accept(1, envelope("a@from.example", {"b@to.example", "c@two.example", "d@three.example"}));
  for (const auto& lease : lent()) report(lease, {later});
  act(QueueAction::hold, to_domain("three.example"));
  act(QueueAction::flush, to_domain("two.example"));
  const auto tried = lent();
  ASSERT_THAT(tried, SizeIs(1));
  EXPECT_EQ(tried[0].domain, "two.example");
  act(QueueAction::flush);
  const auto others = lent();
  ASSERT_THAT(others, SizeIs(1));
  EXPECT_EQ(others[0].domain, "to.example");
}

// It writes in slices, each on disk before the next begins; what comes in meanwhile is not touched.
TEST_F(ErrandTest, DoesManyMessages) {
  constexpr std::uint64_t count = 1000;
  accept(1);
  const StoredMessage stored = *spool.store->read(mail::MessageId(1));
  for (std::uint64_t id = 2; id <= count; ++id) {
    spool.accept(id, content, envelope("a@from.example", {"b@to.example"}));
    queue.add(mail::MessageId(id), stored.head, now);
  }
  spool.run();
  const int before = spool.disk->syncs;
  EXPECT_EQ(act(QueueAction::hold).done.count, count);
  EXPECT_GE(spool.disk->syncs - before, 10);
  EXPECT_EQ(act(QueueAction::bounce).done.count, count) << "of the reports none: they came later";
  EXPECT_EQ(queue.size(), count);
  EXPECT_EQ(act(QueueAction::remove).done.count, count);
  EXPECT_EQ(queue.size(), 0U);
}

// Compaction, and a report that reaches the disk before what was written earlier, change the order of updates.
TEST(LedgerUpdates, UndoNoFinalState) {
  for (const auto final : {RecipientState::delivered, bounced, RecipientState::deleted}) {
    for (const auto next : {waiting, held, bounced, RecipientState::delivered}) {
      Ledger ledger(Moment::now(), 1h);
      ledger.on_message(mail::MessageId(1),
                        {envelope("a@from.example", {"b@to.example"}), {}, 0, 0, false, {}});
      const Answer answer{{250, {2, 0, 0}, "ok"}, "mx", {}};
      ledger.on_update({mail::MessageId(1), {{0, final, 3, {}, answer}}, false});
      ledger.on_update({mail::MessageId(1), {{0, next, 1, {}, {}}}, true});
      const Message& message = *ledger.find(mail::MessageId(1));
      EXPECT_EQ(message.recipients[0].state, final);
      EXPECT_EQ(message.recipients[0].attempts, 3U);
      EXPECT_TRUE(message.is_warned);
    }
  }
}

// Bounce storms: however many are overdue, a sweep tells of few, and looks at few; and all have their turn.
TEST_F(ErrandTest, SweepsInSlicesOfWhichNoneIsForgotten) {
  constexpr std::uint64_t count = 3 * max_looked_at;
  const MessageHead head{
      envelope("a@from.example", {"b@to.example"}), now.wall - 6h, 0, 0, false, {}};
  for (std::uint64_t id = 1; id <= count; ++id) {
    queue.add(mail::MessageId(id), head, now);
    // All but the last are held, and so of no concern.
    if (id < count) queue.ledger().find(mail::MessageId(id))->recipients[0].state = held;
  }
  int sweeps = 0;
  while (queue.overdue(now, max_sweep).late.empty()) ASSERT_LE(++sweeps, 3);
  EXPECT_GE(sweeps, 2) << "no sweep looks at all";
  for (auto& [id, message] : queue.ledger().messages()) message.recipients[0].state = waiting;
  EXPECT_THAT(queue.overdue(now, max_sweep).late, SizeIs(max_sweep));
}

}  // namespace
}  // namespace postern::queue
