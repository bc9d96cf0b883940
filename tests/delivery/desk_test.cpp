// Leases and reports as they go over the channel, and how it all ends.
#include "delivery/desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/bench.h"
#include "delivery/setup.h"

namespace postern::delivery {
namespace {

using testing::SizeIs;

const std::string envelope =
    "C: MAIL FROM:*\nS: 250 ok\nC: RCPT TO:*\nS: 250 ok\nC: DATA\nS: 354 go\n";

// A desk, and the queue at its other end.
class Office {
 public:
  using QueueEnd = net::Channel<frames::QueueToDelivery, frames::DeliveryToQueue>;

  Office() {
    auto [ours, theirs] = net::socket_pair();
    desk =
        std::make_unique<Desk>(bench.loop.get_executor(),
                               Resources{bench.auth, bench.pool, bench.random}, std::move(theirs));
    auto setup = std::make_shared<Setup>();
    setup->session = bench.session;
    setup->resolver = std::move(bench.setup.resolver);
    desk->use(setup);
    queue = std::make_unique<QueueEnd>(bench.loop.get_executor(), std::move(ours));
    nursery.start(desk->serve());
    nursery.start(collect(*queue, reports));
  }
  ~Office() {
    queue->close();
    bench.run_until([&] { return nursery.size() == 0; });
  }

  void lend(std::uint64_t number, std::uint16_t port) {
    frames::Lease lease = lease_of("Subject: x\r\n\r\nbody\r\n", {"one@there.test"});
    lease.lease = number;
    lease.via = {relayhost_at(port)};
    queue->send(std::move(lease));
  }

  Bench bench;
  net::Nursery nursery{bench.loop.get_executor()};
  std::unique_ptr<Desk> desk;
  std::unique_ptr<QueueEnd> queue;
  std::map<std::uint64_t, frames::Report> reports;

 private:
  static net::Task<> collect(QueueEnd& from, std::map<std::uint64_t, frames::Report>& to) {
    for (;;) {
      auto frame = co_await from.receive();
      if (!frame) co_return;
      auto& report = std::get<frames::Report>(*frame);
      to[report.lease] = std::move(report);
    }
  }
};

TEST(Desk, AnswersEachLeaseWithOneReport) {
  Office office;
  const std::string script = hello({}) + envelope + "content\nS: 250 2.0.0 taken\n";
  FakeServer server(office.bench.loop, {script});
  server.repeat_scripts();
  for (std::uint64_t i = 0; i < 20; ++i) office.lend(i, server.port());
  office.bench.run_until([&] { return office.reports.size() == 20; });
  for (const auto& [lease, report] : office.reports) {
    EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0") << lease;
  }
}

TEST(Desk, HandsBackEverythingButWhatIsBehindItsFinalDotWhenItDrains) {
  Office office;
  office.bench.session->limits.final_dot = std::chrono::milliseconds(300);
  FakeServer at_greeting(office.bench.loop, {"hang\n"});
  FakeServer at_mail(office.bench.loop, {hello({}) + "C: MAIL*\nhang\n"});
  FakeServer at_data(office.bench.loop,
                     {hello({}) + "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: DATA\nhang\n"});
  FakeServer at_dot(office.bench.loop, {hello({}) + envelope + "content\nhang\n"});
  office.lend(1, at_greeting.port());
  office.lend(2, at_mail.port());
  office.lend(3, at_data.port());
  office.lend(4, at_dot.port());
  office.bench.run_until([&] {
    return at_greeting.connections() == 1 && at_mail.lines().size() == 2 &&
           at_data.lines().size() == 4 && at_dot.contents().size() == 1;
  });
  office.nursery.start(office.desk->drain());
  office.lend(5, at_dot.port());
  office.bench.run_until([&] { return office.reports.size() == 5; });
  for (std::uint64_t lease : {1, 2, 3, 5}) {
    SCOPED_TRACE(lease);
    EXPECT_EQ(hindrance_name(office.reports[lease]), "aborted");
    EXPECT_EQ(outcome_text(office.reports[lease], 0), "-");
  }
  EXPECT_EQ(outcome_text(office.reports[4], 0), "deferred 451 4.4.2")
      << "its server said nothing in time";
}

TEST(Desk, WaitsForTheReplyToAFinalDotWhenItDrains) {
  Office office;
  FakeServer slow(office.bench.loop, {hello({}) + envelope + "content\nS: 250 2.0.0 taken\n"});
  office.lend(1, slow.port());
  office.bench.run_until([&] { return slow.contents().size() == 1; });
  // The reply is on its way, but nobody has read it yet.
  office.nursery.start(office.desk->drain());
  office.bench.run_until([&] { return office.reports.size() == 1; });
  EXPECT_EQ(outcome_text(office.reports[1], 0), "delivered 250 2.0.0");
}

TEST(Desk, GivesAllUpWhenItsQueueIsGone) {
  Office office;
  FakeServer server(office.bench.loop, {hello({}) + "C: MAIL*\nhang\n"});
  office.lend(1, server.port());
  office.bench.run_until([&] { return server.lines().size() == 2; });
  office.queue->close();
  office.bench.run_until([&] { return office.nursery.size() == 0; });
}

TEST(Endpoints, AreReadAsConfigured) {
  EXPECT_EQ(endpoints_of({"192.0.2.1:25", "[2001:db8::1]:587", "nonsense", "192.0.2.1:x", "[::1]"}),
            (std::vector{Endpoint(boost::asio::ip::make_address("192.0.2.1"), 25),
                         Endpoint(boost::asio::ip::make_address("2001:db8::1"), 587)}));
  EXPECT_THAT(endpoints_of({"0.0.0.0:25"}),
              testing::Contains(Endpoint(boost::asio::ip::make_address("127.0.0.1"), 25)));
}

}  // namespace
}  // namespace postern::delivery
