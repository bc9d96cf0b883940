// Leases, reports and their consequences.
#include "dispatch_bench.h"

namespace postern::queue {
namespace {

TEST_F(DispatchTest, LendsAMessageWithItsContentToItsDomain) {
  accept(1);
  const auto all = lent();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].domain, "to.example");
  EXPECT_EQ(all[0].content, content);
  EXPECT_EQ(all[0].size, content.size());
  EXPECT_EQ(all[0].recipients.front().mailbox.text(), "b@to.example");
  EXPECT_TRUE(lent().empty()) << "and only once";
}

TEST_F(DispatchTest, LendsTheFileOfALargeMessage) {
  accept(1, envelope("a@from.example", {"b@to.example"}), content + std::string(300 * 1024, 'x'));
  const auto all = lent();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_TRUE(all[0].content.empty());
  EXPECT_TRUE(all[0].file);
}

TEST_F(DispatchTest, SplitsRecipientsByDestination) {
  accept(1, envelope("a@from.example", {"b@one.example", "c@two.example", "d@one.example"}));
  const auto all = lent();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].recipients.size() + all[1].recipients.size(), 3U);
}

TEST_F(DispatchTest, LendsAtMostAHundredRecipientsAtATime) {
  std::vector<std::string> many;
  for (int i = 0; i < 250; ++i) many.push_back("u" + std::to_string(i) + "@to.example");
  accept(1, envelope("a@from.example", many));
  const auto all = lent();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].recipients.size(), 100U);
  EXPECT_EQ(all[2].recipients.size(), 50U);
}

TEST_F(DispatchTest, ForgetsWhatIsDelivered) {
  accept(1);
  report(lent().front(), {ok});
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_EQ(on_disk()[1], (std::vector<RecipientState>{RecipientState::delivered}));
}

// Statement 68: mixed answers, one bounce that lists only failures.
TEST_F(DispatchTest, TreatsEachRecipientByItsOwnOutcome) {
  accept(1, envelope("a@from.example", {"x@to.example", "y@to.example", "z@to.example"}));
  report(lent().front(), {ok, later, never});
  EXPECT_EQ(queue.size(), 2U) << "the message with what waits, and the bounce";
  const auto bounces = lent();
  ASSERT_EQ(bounces.size(), 1U);
  EXPECT_FALSE(bounces[0].reverse_path);  // statement 84
  EXPECT_EQ(bounces[0].recipients.front().mailbox.text(), "a@from.example");
  EXPECT_NE(bounces[0].content.find("z@to.example"), std::string::npos);
  EXPECT_NE(bounces[0].content.find("no such user here"), std::string::npos);
  EXPECT_EQ(bounces[0].content.find("x@to.example"), std::string::npos);
  pass(7min);
  const auto again = lent();
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].recipients.size(), 1U);
  EXPECT_EQ(again[0].recipients[0].mailbox.text(), "y@to.example");
}

TEST_F(DispatchTest, WaitsLongerAfterEachDeferral) {
  accept(1);
  for (const auto& [before, after] :
       {std::pair(3min, 7min), std::pair(7min, 13min), std::pair(15min, 25min)}) {
    const auto all = lent();
    ASSERT_EQ(all.size(), 1U);
    report(all[0], {later});
    pass(before);
    EXPECT_TRUE(lent().empty());
    pass(after - before);
  }
}

// The failure and its bounce are in one record: a disk that fails has both or neither.
TEST_F(DispatchTest, KeepsAFailureWaitingWhenItsBounceCannotBeWritten) {
  accept(1);
  const auto all = lent();
  spool.disk->fail_at(1, 1, boost::system::errc::io_error);
  report(all[0], {never});
  EXPECT_EQ(queue.size(), 1U);
  pass(7min);
  const auto again = lent();
  ASSERT_EQ(again.size(), 1U) << "it is tried again";
  report(again[0], {never});
  EXPECT_EQ(lent().size(), 1U) << "and bounces";
  const auto states = on_disk();
  EXPECT_FALSE(states.contains(1) && states.at(1).front() == RecipientState::waiting);
  ASSERT_FALSE(states.empty());
  EXPECT_EQ(states.rbegin()->second.front(), RecipientState::waiting) << "the bounce";
}

// Statement 85.
TEST_F(DispatchTest, NeverBouncesABounce) {
  accept(1, mail::envelope_of_report(mailbox("gone@from.example")));
  report(lent().front(), {never});
  EXPECT_EQ(queue.size(), 0U);
  EXPECT_TRUE(lent().empty());
}

TEST_F(DispatchTest, PausesTheWholeLineOfADeadDestination) {
  accept(1);
  report(lent().front(), {}, Hindrance::unreachable);
  accept(2);
  EXPECT_TRUE(lent().empty()) << "new mail waits with the old";
  pass(75s);
  EXPECT_EQ(lent().size(), 1U) << "one finds out";
}

// A 421 where others are served: the message only came at a bad moment.
TEST_F(DispatchTest, TriesAgainSoonWhereADestinationThatLivesHadNoTime) {
  for (std::uint64_t id = 1; id <= 4; ++id) accept(id);
  auto all = lent();
  ASSERT_EQ(all.size(), 4U);
  report(all[0], {ok});
  report(all[1], {}, Hindrance::unreachable);
  EXPECT_FALSE(queue.pause_of("to.example", now));
  report(all[2], {ok});
  report(all[3], {ok});
  EXPECT_TRUE(lent().empty());
  pass(3s);
  all = lent();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(queue.ledger().find(all[0].id)->recipients[0].attempts, 1U);
  report(all[0], {}, Hindrance::unreachable);
  EXPECT_EQ(queue.ledger().find(all[0].id)->recipients[0].attempts, 2U);
  pass(3s);
  EXPECT_TRUE(lent().empty()) << "ever less often";
  pass(3s);
  EXPECT_EQ(lent().size(), 1U);
}

// 421 in the midst of a transaction: each recipient has its answer, and the line gets slower.
TEST_F(DispatchTest, DoesNotPauseForWhatWasSaidInATransaction) {
  accept(1);
  report(lent().front(), {later}, Hindrance::unreachable);
  EXPECT_FALSE(queue.pause_of("to.example", now));
  for (std::uint64_t id = 2; id <= 4; ++id) accept(id);
  EXPECT_EQ(lent().size(), 1U);
}

TEST_F(DispatchTest, SaysWhatHinderedAndInWhoseWords) {
  accept(1);
  frames::Report dns;
  dns.lease = lent().front().lease;
  dns.hindrance = Hindrance::unreachable;
  dns.hindrance_text = "DNS gives no answer";
  dns.hindrance_status = {4, 4, 3};
  dispatch.on_report(dns, now);
  const auto answer = queue.ledger().find(mail::MessageId(1))->recipients[0].answer.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reply, (mail::Reply{451, {4, 4, 3}, "DNS gives no answer"}));
  EXPECT_EQ(answer->remote, "") << "our own words";
  const auto pause = queue.pause_of("to.example", now);
  ASSERT_TRUE(pause);
  EXPECT_EQ(pause->reason, "DNS gives no answer");
}

// RFC 6531: a next hop without SMTPUTF8 refuses those that need it, and no others.
TEST_F(DispatchTest, LendsRecipientsThatNeedUtf8Apart) {
  auto mixed = envelope("a@from.example", {"b@to.example", "\u00fc@to.example", "c@to.example"});
  mixed.needs_utf8 = true;
  accept(1, mixed);
  const auto all = lent();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].recipients.size(), 2U);
  ASSERT_EQ(all[1].recipients.size(), 1U);
  EXPECT_EQ(all[1].recipients[0].mailbox.text(), "\u00fc@to.example");
  report(all[0], {ok, ok});
  report(all[1], {never});
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1)), nullptr);
}

TEST_F(DispatchTest, PausesARouteThatRefusesUsAndBouncesNothing) {
  accept(1);
  for (int i = 0; i < 10; ++i) {
    const auto all = lent();
    ASSERT_EQ(all.size(), 1U);
    report(all[0], {}, Hindrance::route);
    EXPECT_TRUE(lent().empty());
    pass(18min);
    reporter.sweep(now);
  }
  EXPECT_EQ(queue.size(), 1U);
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1))->recipients[0].attempts, 0U);
}

TEST_F(DispatchTest, KeepsADamagedMessageAndDoesNotDeliverIt) {
  accept(1);
  report(lent().front(), {}, Hindrance::damaged);
  pass(200h);
  reporter.sweep(now);
  EXPECT_TRUE(lent().empty());
  EXPECT_EQ(queue.size(), 1U);
}

TEST_F(DispatchTest, TakesBackAllWhenDeliveryIsKilled) {
  accept(1);
  const auto first = lent();
  connect();
  const auto second = lent();
  ASSERT_EQ(second.size(), 1U);
  report(first[0], {ok});
  EXPECT_EQ(queue.size(), 1U) << "a report about a lease that is no more means nothing";
  report(second[0], {ok});
  EXPECT_EQ(queue.size(), 0U);
}

TEST_F(DispatchTest, GivesNothingToADeliveryThatShutsDown) {
  accept(1);
  report(lent().front(), {}, Hindrance::aborted);
  EXPECT_TRUE(lent().empty());
  connect();
  EXPECT_EQ(lent().size(), 1U);
}

TEST_F(DispatchTest, DoesNotTrustWhatAReportSays) {
  accept(1);
  frames::Report report;
  report.lease = lent().front().lease;
  report.outcomes = {
      {7, mail::Delivered{ok}}, {0, mail::Deferred{later}}, {0, mail::Delivered{ok}}};
  dispatch.on_report(report, now);
  dispatch.on_report(report, now);
  report.lease = 999;
  dispatch.on_report(report, now);
  EXPECT_EQ(queue.size(), 1U);
}

TEST_F(DispatchTest, ExpiresIntoABounceThatQuotesTheLastAnswer) {
  accept(1);
  report(lent().front(), {later});
  pass(121h);
  reporter.sweep(now);
  spool.run();
  const auto all = lent();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_FALSE(all[0].reverse_path);
  EXPECT_NE(all[0].content.find("4.4.7"), std::string::npos);
  EXPECT_NE(all[0].content.find("greylisted"), std::string::npos);
  EXPECT_EQ(queue.size(), 1U);
}

// What ends while the disk fails waits in memory to be written down: so nothing new is begun.
TEST_F(DispatchTest, LendsNothingWhileTheStoreIsBehind) {
  accept(1);
  accept(2);
  accept(3);
  const auto first = lent();
  ASSERT_EQ(first.size(), 3U);
  spool.disk->fail_at(1, 1000, boost::system::errc::io_error);
  for (const auto& lease : first) report(lease, {later});
  ASSERT_TRUE(spool.store->is_behind());
  pass(10min);
  leases.clear();
  const auto again = dispatch.pump(now);
  EXPECT_TRUE(leases.empty());
  EXPECT_EQ(again, now.steady + look_at_store_again);
  reporter.sweep(now);
}

// Statement 91.
TEST_F(DispatchTest, WarnsOnceOfADelay) {
  accept(1);
  report(lent().front(), {later});
  pass(5h);
  for (int i = 0; i < 3; ++i) reporter.sweep(now), spool.run();
  std::size_t warnings = 0;
  for (const auto& lease : lent()) warnings += lease.reverse_path ? 0 : 1;
  EXPECT_EQ(warnings, 1U);
}

// Statement 51.
TEST_F(DispatchTest, AppliesNewRoutesToMailThatWaits) {
  accept(1);
  report(lent().front(), {}, Hindrance::unreachable);
  frames::QueueSettings changed = settings();
  changed.routes = {route_to("relay.example")};
  queue.configure(changed, now);
  pass(75s);
  const auto all = lent();
  ASSERT_EQ(all.size(), 1U);
  ASSERT_EQ(all[0].via.size(), 1U);
  EXPECT_EQ(all[0].via[0].host, "relay.example");
  EXPECT_TRUE(all[0].domain.empty());
}

// The destinations of the message are the same two as before; who goes where is not.
TEST_F(DispatchTest, AppliesNewRoutesThatMoveARecipientToAnothersRelay) {
  const auto routed = [this](const std::string& relay_of_a) {
    frames::QueueSettings with = settings();
    with.routes = {route_to(relay_of_a), route_to("y.example"), route_to("x.example")};
    with.routes[0].recipient_domains = {"a.example"};
    with.routes[1].recipient_domains = {"b.example"};
    return with;
  };
  queue.configure(routed("x.example"), now);
  accept(1, envelope("s@from.example", {"a@a.example", "b@b.example", "c@c.example"}));
  for (const frames::Lease& lease : lent()) {
    const bool is_for_b = lease.via[0].host == "y.example";
    report(lease, is_for_b ? std::vector<mail::Reply>{ok} : std::vector<mail::Reply>{later, later});
  }
  queue.configure(routed("y.example"), now);
  pass(7min);
  std::vector<std::string> ways;
  for (const frames::Lease& lease : lent())
    ways.push_back(lease.recipients.at(0).mailbox.text() + " by " + lease.via[0].host);
  EXPECT_THAT(
      ways, testing::UnorderedElementsAre("a@a.example by y.example", "c@c.example by x.example"));
}

// Statement 83.
TEST_F(DispatchTest, FlushedTriesNowWithoutForgettingItsAge) {
  accept(1);
  report(lent().front(), {}, Hindrance::unreachable);
  pass(1s);
  queue.make_due(mail::MessageId(1), {0}, now);
  queue.wake("to.example", now);
  const auto all = lent();
  ASSERT_EQ(all.size(), 1U);
  report(all[0], {later});
  pass(120h);
  reporter.sweep(now);
  spool.run();
  EXPECT_EQ(queue.ledger().find(mail::MessageId(1)), nullptr) << "it expired when it would have";
}

}  // namespace
}  // namespace postern::queue
