// The role as its process runs it, between a supervisor and a queue.
#include "delivery/role.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "certificate.h"
#include "delivery/bench.h"
#include "net/channel.h"

namespace postern::delivery {
namespace {

using testing::HasSubstr;

class RunningRole : public testing::Test {
 protected:
  using SupervisorEnd = net::Channel<frames::ToDelivery, frames::ToSupervisor>;
  using QueueEnd = net::Channel<frames::QueueToDelivery, frames::DeliveryToQueue>;

  RunningRole() {
    auto [ours, theirs] = net::socket_pair();
    supervisor_ = std::make_unique<SupervisorEnd>(bench_.loop.get_executor(), std::move(ours));
    thread_ = std::thread([fd = theirs.release(), this] { exit_code_ = run(net::Fd(fd)); });
  }
  ~RunningRole() override {
    if (supervisor_) supervisor_->close();
    if (thread_.joinable()) thread_.join();
  }

  void configure(std::string ca_file) {
    frames::DeliverySettings settings;
    settings.hostname = "client.test";
    settings.tls_ca_file = std::move(ca_file);
    settings.resolvers = {"127.0.0.1:1"};
    supervisor_->send(std::move(settings));
  }
  std::unique_ptr<QueueEnd> connect_queue() {
    auto [ours, theirs] = net::socket_pair();
    supervisor_->send(frames::Peer{frames::Role::queue, 0, std::move(theirs)});
    return std::make_unique<QueueEnd>(bench_.loop.get_executor(), std::move(ours));
  }
  template <class Frame, class Channel>
  Frame next(Channel& channel) {
    std::optional<Frame> got;
    net::Nursery nursery(bench_.loop.get_executor());
    nursery.start([](Channel& from, std::optional<Frame>& to) -> net::Task<> {
      auto frame = co_await from.receive();
      if (frame) to = std::get<Frame>(std::move(*frame));
    }(channel, got));
    bench_.run_until([&] { return nursery.size() == 0; });
    EXPECT_TRUE(got);
    return got ? std::move(*got) : Frame{};
  }
  static frames::Lease lease(std::uint16_t port) {
    frames::Lease made = lease_of("Subject: x\r\n\r\nbody\r\n", {"one@there.test"});
    made.via = {relayhost_at(port)};
    return made;
  }

  Bench bench_;
  tests::Certificate certificate_{"DNS:there.test"};
  std::unique_ptr<SupervisorEnd> supervisor_;
  std::thread thread_;
  int exit_code_ = -1;
};

const std::string envelope = "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: DATA\nS: 354 go\n";

TEST_F(RunningRole, DeliversAndDrains) {
  FakeServer server(bench_.loop, {hello({}) + envelope + "content\nS: 250 2.0.0 taken\nhang\n"});
  configure(certificate_.file());
  next<frames::Ready>(*supervisor_);
  auto queue = connect_queue();
  queue->send(lease(server.port()));
  EXPECT_EQ(outcome_text(next<frames::Report>(*queue), 0), "delivered 250 2.0.0");
  supervisor_->send(frames::Drain{});
  bench_.run_until([&] { return server.connections() == 1; });
  bench_.loop.poll();
  thread_.join();
  EXPECT_EQ(exit_code_, 0);
}

TEST_F(RunningRole, CannotStartWithoutItsTrustedCertificates) {
  configure("/nonexistent/certificates");
  const auto failure = next<frames::CannotStart>(*supervisor_);
  EXPECT_THAT(failure.reason, HasSubstr("/nonexistent/certificates"));
}

// Whatever is under way, at whatever step: under the sanitizers this shows that nothing outlives what it uses.
TEST_F(RunningRole, EndsAtOnceWhenItsSupervisorIsGone) {
  FakeServer at_greeting(bench_.loop, {"hang\n"});
  FakeServer at_dot(bench_.loop, {hello({}) + envelope + "content\nhang\n"});
  FakeServer idle(bench_.loop, {hello({}) + envelope + "content\nS: 250 ok\nhang\n"});
  configure(certificate_.file());
  next<frames::Ready>(*supervisor_);
  auto queue = connect_queue();
  queue->send(lease(idle.port()));
  EXPECT_EQ(outcome_text(next<frames::Report>(*queue), 0), "delivered 250");
  queue->send(lease(at_greeting.port()));
  queue->send(lease(at_dot.port()));
  frames::Lease unknown = lease(25);
  unknown.via.clear();
  unknown.domain = "there.test";
  queue->send(std::move(unknown));
  bench_.run_until([&] { return at_greeting.connections() == 1 && at_dot.contents().size() == 1; });
  supervisor_->close();
  thread_.join();
  EXPECT_EQ(exit_code_, 0);
}

TEST_F(RunningRole, ServesTheNextQueueWhenOneHasDied) {
  FakeServer server(bench_.loop, {"hang\n", hello({}) + envelope + "content\nS: 250 ok\nhang\n"});
  configure(certificate_.file());
  next<frames::Ready>(*supervisor_);
  auto first = connect_queue();
  first->send(lease(server.port()));
  bench_.run_until([&] { return server.connections() == 1; });
  first->close();
  auto second = connect_queue();
  second->send(lease(server.port()));
  EXPECT_EQ(outcome_text(next<frames::Report>(*second), 0), "delivered 250");
}

}  // namespace
}  // namespace postern::delivery
