// Who is told of what (RFC 3461): the wishes of each recipient's sender against what happens to it.
#include <gmock/gmock.h>

#include "dispatch_bench.h"

namespace postern::queue {
namespace {

using mail::Notify;
using testing::HasSubstr;
using testing::Not;

const Notify unsaid{};
const Notify never{.never = true};
const Notify success{.success = true};
const Notify failure{.failure = true};
const Notify delay{.delay = true};
const Notify all{.success = true, .failure = true, .delay = true};

/// A message to r0@to.example, r1@to.example, ...
mail::Envelope envelope_with(const std::vector<Notify>& wishes,
                             const std::string& from = "a@from.example") {
  std::vector<std::string> to;
  for (std::size_t i = 0; i < wishes.size(); ++i)
    to.push_back("r" + std::to_string(i) + "@to.example");
  mail::Envelope made = envelope(from, to);
  for (std::size_t i = 0; i < wishes.size(); ++i) made.recipients[i].notify = wishes[i];
  return made;
}

class NotifyTest : public DispatchTest {
 protected:
  // The reports that wait now: those to the sender.
  std::vector<frames::Lease> reports() {
    std::vector<frames::Lease> found;
    for (frames::Lease& lease : lent()) {
      if (!lease.reverse_path) found.push_back(std::move(lease));
    }
    return found;
  }
  // In one report, or, where nobody is told, in none: exactly the recipients with `is_told`.
  void expect_told(const std::vector<bool>& is_told, const std::string& action) {
    const auto found = reports();
    const bool is_any = std::ranges::count(is_told, true) > 0;
    ASSERT_EQ(found.size(), is_any ? 1U : 0U) << "one report of an event";  // statement 91
    if (!is_any) return;
    EXPECT_EQ(found[0].recipients.front().mailbox.text(), "a@from.example");
    EXPECT_THAT(found[0].content, HasSubstr("\r\nAction: " + action + "\r\n"));
    for (std::size_t i = 0; i < is_told.size(); ++i) {
      const auto field = "Final-Recipient: rfc822; r" + std::to_string(i) + "@to.example";
      EXPECT_EQ(found[0].content.find(field) != std::string::npos, is_told[i]) << i;
    }
  }
};

struct Row {
  const char* why;
  std::vector<Notify> wishes;
  std::vector<bool> is_told;
};

struct FailureTest : NotifyTest, testing::WithParamInterface<Row> {};
TEST_P(FailureTest, IsToldToThoseWhoWantToHearOfIt) {  // statement 86
  accept(1, envelope_with(GetParam().wishes));
  report(lent().front(), std::vector<mail::Reply>(GetParam().wishes.size(), DispatchTest::never));
  expect_told(GetParam().is_told, "failed");
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1)), nullptr) << "and it has ended";
  EXPECT_EQ(on_disk()[1],
            std::vector<RecipientState>(GetParam().wishes.size(), RecipientState::bounced));
}
INSTANTIATE_TEST_SUITE_P(
    Notify, FailureTest,
    testing::Values(Row{"nothing was said", {unsaid, unsaid}, {true, true}},
                    Row{"NEVER", {Notify{.never = true}}, {false}},
                    Row{"only of other events", {success, delay}, {false, false}},
                    Row{"FAILURE", {failure, all}, {true, true}},
                    Row{"each as it wants",
                        {failure, Notify{.never = true}, unsaid, success},
                        {true, false, true, false}}),
    [](const auto& row) { return std::to_string(row.index); });

struct DelayTest : NotifyTest, testing::WithParamInterface<Row> {};
TEST_P(DelayTest, IsToldToThoseWhoWantToHearOfItOnce) {  // statements 86 and 91
  accept(1, envelope_with(GetParam().wishes));
  report(lent().front(), std::vector<mail::Reply>(GetParam().wishes.size(), later));
  pass(5h);
  for (int i = 0; i < 3; ++i) reporter.sweep(now), spool.run();
  expect_told(GetParam().is_told, "delayed");
}
INSTANTIATE_TEST_SUITE_P(
    Notify, DelayTest,
    testing::Values(Row{"nothing was said", {unsaid, unsaid}, {true, true}},
                    Row{"NEVER", {Notify{.never = true}}, {false}},
                    Row{"only of other events", {success, failure}, {false, false}},
                    Row{"each as it wants",
                        {delay, failure, all, Notify{.never = true}},
                        {true, false, true, false}}),
    [](const auto& row) { return std::to_string(row.index); });

struct SuccessTest : NotifyTest, testing::WithParamInterface<Row> {};
TEST_P(SuccessTest, AtAHopWithoutDsnIsToldToThoseWhoWantToHearOfIt) {  // statement 87
  accept(1, envelope_with(GetParam().wishes));
  report(lent().front(), std::vector<mail::Reply>(GetParam().wishes.size(), ok));
  expect_told(GetParam().is_told, "relayed");
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1)), nullptr) << "and it has ended";
  EXPECT_EQ(on_disk()[1],
            std::vector<RecipientState>(GetParam().wishes.size(), RecipientState::delivered));
}
INSTANTIATE_TEST_SUITE_P(Notify, SuccessTest,
                         testing::Values(Row{"nothing was said", {unsaid}, {false}},
                                         Row{"NEVER", {Notify{.never = true}}, {false}},
                                         Row{"SUCCESS", {success, all}, {true, true}},
                                         Row{"each as it wants",
                                             {failure, success, delay, unsaid},
                                             {false, true, false, false}}),
                         [](const auto& row) { return std::to_string(row.index); });

TEST_F(NotifyTest, LeavesTheReportOfASuccessToAHopWithDsn) {  // statement 87
  accept(1, envelope_with({success, all}));
  report(lent().front(), {ok, ok}, Hindrance::none, true);
  EXPECT_TRUE(reports().empty());
  EXPECT_EQ(queue.size(), 0U);
}

TEST_F(NotifyTest, TellsANullReversePathNothing) {  // statement 85
  accept(1, envelope_with({all, all}, ""));
  report(lent().front(), {ok, DispatchTest::never});
  EXPECT_TRUE(lent().empty());
  EXPECT_EQ(queue.size(), 0U);
}

TEST_F(NotifyTest, MakesAReportOfEachKindOfWhatHappened) {
  accept(1, envelope_with({all, all, all}));
  report(lent().front(), {ok, DispatchTest::never, later});
  const auto found = reports();
  ASSERT_EQ(found.size(), 2U);
  for (const auto& each : found) {
    const bool is_bounce = each.content.find("Action: failed") != std::string::npos;
    EXPECT_THAT(each.content, HasSubstr(is_bounce ? "r1@to.example" : "r0@to.example"));
    EXPECT_THAT(each.content, Not(HasSubstr(is_bounce ? "r0@to.example" : "r1@to.example")));
    EXPECT_THAT(each.content, Not(HasSubstr("r2@to.example")));
  }
}

// The message is delivered: better no report than another copy.
TEST_F(NotifyTest, NeverDeliversAgainBecauseAReportCannotBeWritten) {
  accept(1, envelope_with({success}));
  const auto lease = std::move(lent().front());
  spool.disk->fail_at(1, 1, boost::system::errc::io_error);
  report(lease, {ok});
  EXPECT_EQ(queue.size(), 0U);
  pass(2h);
  EXPECT_TRUE(lent().empty());
  spool.run();
}

// Neither is on disk without the other.
TEST_F(NotifyTest, WritesASuccessAndItsReportInOneRecord) {
  accept(1, envelope_with({success}));
  report(lent().front(), {ok});
  spool.store.reset();
  Spool again(directory.path());
  std::size_t reports = 0;
  for (const auto& [id, head] : again.found.heads) {
    if (!head.reports) continue;
    ++reports;
    EXPECT_EQ(head.reports->id, mail::MessageId(1));
    ASSERT_EQ(head.reports->changes.size(), 1U);
    EXPECT_EQ(head.reports->changes[0].state, RecipientState::delivered);
  }
  EXPECT_EQ(reports, 1U);
}

TEST_F(NotifyTest, HandsDeliveryWhatTheSenderSaid) {
  mail::Envelope made = envelope_with({all});
  made.dsn = {mail::Return::full, "QQ314"};
  made.recipients[0].original = "rfc822;Bob@b.example";
  made.needs_utf8 = true;
  accept(1, made);
  const auto lease = std::move(lent().front());
  EXPECT_EQ(lease.dsn.ret, mail::Return::full);
  EXPECT_EQ(lease.dsn.envelope_id, "QQ314");
  EXPECT_TRUE(lease.needs_utf8);
  EXPECT_EQ(lease.recipients[0].notify, all);
  EXPECT_EQ(lease.recipients[0].original, "rfc822;Bob@b.example");
}

TEST_F(NotifyTest, ReturnsAsMuchOfTheMessageAsItsSenderWants) {  // statements 88 and 89
  struct Case {
    mail::Return ret;
    std::size_t size;  // of the body; over 256 KiB it lies in a file
    bool is_whole;
  };
  const Case cases[] = {
      {mail::Return::headers, 100, false}, {mail::Return::full, 100, true},
      {mail::Return::unsaid, 100, true},   {mail::Return::unsaid, 200'000, false},
      {mail::Return::full, 600'000, true}, {mail::Return::full, 2'000'000, false}};
  std::uint64_t id = 0;
  for (const auto& [ret, size, is_whole] : cases) {
    SCOPED_TRACE(size);
    mail::Envelope made = envelope_with({unsaid});
    made.dsn = {ret, "my+2Bid"};
    std::string text = content;
    while (text.size() < size) text += std::string(70, 'x') + "\r\n";
    text += "the end of the body\r\n";
    accept(++id, made, text);
    report(lent().front(), {DispatchTest::never});
    auto found = reports();
    ASSERT_EQ(found.size(), 1U);
    std::string bounce = found[0].content;
    if (found[0].file) {
      bounce.resize(found[0].size);
      ASSERT_EQ(::pread(found[0].file->get(), bounce.data(), bounce.size(), 0),
                static_cast<ssize_t>(bounce.size()));
    }
    EXPECT_THAT(bounce, HasSubstr("Original-Envelope-Id: my+id\r\n"));
    EXPECT_EQ(bounce.find("the end of the body") != std::string::npos, is_whole);
    report(found[0], {ok});
  }
}

// A million messages are to fit into half a GiB (queue/ledger.h): what reports need is in the store alone.
TEST(LedgerSize, DoesNotGrowWithWhatASenderSays) {
  EXPECT_LE(sizeof(Recipient), 48U);
  EXPECT_LE(sizeof(Message), 120U);  // with the one recipient that most have
}

}  // namespace
}  // namespace postern::queue
