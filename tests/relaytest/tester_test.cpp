#include "relaytest/tester.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/asio/this_coro.hpp>
#include <filesystem>
#include <fstream>

#include "planned_run.h"
#include "relaytest/judge.h"
#include "relaytest/run_json.h"

namespace postern::relaytest {
namespace {

using namespace std::chrono_literals;
using net::asio::ip::tcp;
using testing::HasSubstr;

/// A server that takes everything, and hands on what it is told to: our target.
class Target {
 public:
  /// What becomes of a message: the contents that it sends on.
  using Fate = std::function<std::vector<std::string>(const CaughtMessage&)>;

  Target(net::Executor executor, ScriptedReplies replies, Fate fate)
      : forwarding_(executor),
        acceptor_(executor, tcp::endpoint(net::asio::ip::address_v4::loopback(), 0)),
        address_(acceptor_.local_endpoint()),
        fate_(std::move(fate)),
        catcher_(std::move(acceptor_), options(std::move(replies)),
                 [this](const CaughtMessage& message) {
                   ++taken;
                   for (const std::string& content : fate_(message))
                     forwarding_.start(forward(content));
                   return true;
                 }) {
    catcher_.start();
  }

  net::Task<> stop() {
    co_await catcher_.stop();
    co_await forwarding_.join();
  }

  const tcp::endpoint& address() const { return address_; }
  tcp::endpoint next_hop;
  std::vector<std::string> answers;  // of the next hop, to content
  int taken = 0;

 private:
  static Catcher::Options options(ScriptedReplies replies) {
    Catcher::Options options;
    options.limits.kept = 64 * 1024;
    options.replies = std::move(replies);
    return options;
  }

  net::Task<> forward(std::string content) {
    net::Executor executor = co_await net::asio::this_coro::executor;
    net::TcpSocket socket(executor);
    auto [error] = co_await socket.async_connect(next_hop, net::as_result);
    if (error) co_return;
    net::Stream stream(std::move(socket));
    std::vector<std::string> said = {"",
                                     "HELO relay.example",
                                     "MAIL FROM:<>",
                                     "RCPT TO:<@[127.0.0.1]:\"probe@tester.test\"@[127.0.0.1]>",
                                     "DATA",
                                     "Received: by relay.example\r\n" + content + "."};
    std::string answer;
    for (const std::string& text : said) {
      const std::string line = text + "\r\n";
      if (!text.empty()) (void)co_await stream.write(line);
      auto reply = co_await stream.read_line(1000);
      answer = reply ? *reply : "closed";
    }
    answers.push_back(answer);
    stream.close();
  }

  net::Nursery forwarding_;
  net::TcpAcceptor acceptor_;
  tcp::endpoint address_;
  Fate fate_;
  Catcher catcher_;
};

std::vector<std::string> keeps(const CaughtMessage&) { return {}; }
std::vector<std::string> relays(const CaughtMessage& message) { return {message.content}; }
std::vector<std::string> bounces(const CaughtMessage& message) {
  return {"From: MAILER-DAEMON@relay.example\r\nX-Failed-Recipients: u@d.example\r\n\r\n" +
          message.content};
}
/// Ends content where it does not end, and takes what stands behind it for a message of its own.
std::vector<std::string> is_smuggled_through(const CaughtMessage& message) {
  const auto data = message.content.find("DATA\r\n");
  const auto hidden = data == std::string::npos ? "" : message.content.substr(data + 6);
  return hidden.empty() ? std::vector<std::string>() : std::vector{hidden};
}

class TesterTest : public testing::Test {
 protected:
  void plan(const std::vector<std::string>& tricks, Target::Fate fate,
            const std::string& reply = "") {
    ScriptedReplies replies;
    EXPECT_TRUE(reply.empty() || replies.add(reply));
    target_ = std::make_unique<Target>(loop_.get_executor(), replies, std::move(fate));
    run_ = run_without_probes();
    run_.started = system_clock::now();
    run_.doors.resize(1);
    run_.doors[0].address = target_->address().address();
    run_.doors[0].port = target_->address().port();
    plan_probes(run_, tricks);
  }

  relaytest::Setup setup(std::chrono::milliseconds wait) {
    relaytest::Setup setup;
    setup.pace.rate = 0;
    setup.pace.timeout = 5s;
    setup.pace.retry_after = 2s;
    setup.pace.retries = 1;
    setup.wait = wait;
    setup.listener.emplace(loop_.get_executor(),
                           tcp::endpoint(net::asio::ip::address_v4::loopback(), 0));
    target_->next_hop = setup.listener->local_endpoint();
    return setup;
  }

  /// Runs to the end; `on_progress` may stop it.
  void test(relaytest::Setup setup,
            std::function<void(Tester&, const Progress&)> on_progress = {}) {
    Tester tester(loop_.get_executor(), run_, std::move(setup), [&](const Progress& progress) {
      last_ = progress;
      if (on_progress) on_progress(tester, progress);
    });
    net::Nursery nursery(loop_.get_executor());
    nursery.start(tester.test());
    finish(nursery);
    nursery.start(target_->stop());
    finish(nursery);
  }

  void finish(net::Nursery& nursery) {
    loop_.restart();  // it stops where there was nothing left to do
    while (nursery.size() > 0) loop_.run_one();
  }

  const ProbeResult& probe(std::size_t i = 0) const { return run_.doors[0].probes.at(i); }

  net::asio::io_context loop_{1};
  relaytest::Run run_;
  std::unique_ptr<Target> target_;
  Progress last_;
};

TEST_F(TesterTest, SeesAnOpenRelayAndEndsOnceAllHasComeBack) {
  plan({"plain", "helo"}, relays);
  test(setup(600s));
  EXPECT_EQ(verdict_of(run_), Verdict::open_relay);
  for (std::size_t i = 0; i < 2; ++i) {
    ASSERT_EQ(probe(i).returns.size(), 1U);
    EXPECT_EQ(probe(i).returns[0].what, Return::What::relayed);
    EXPECT_EQ(probe(i).returns[0].peer, "127.0.0.1");
    EXPECT_THAT(probe(i).returns[0].received, testing::ElementsAre("by relay.example"));
  }
  EXPECT_THAT(target_->answers, testing::Each(HasSubstr("250")));
  EXPECT_EQ(last_.phase, Progress::Phase::over);
  EXPECT_EQ(last_.tried, 2U);
  EXPECT_EQ(last_.accepted, 2U);
  EXPECT_EQ(last_.returned, 2U);
  EXPECT_GE(run_.ended, run_.started);
}

TEST_F(TesterTest, CallsASinkWhatTakesAndKeeps) {
  plan({"plain"}, keeps);
  bool has_waited = false;
  test(setup(100ms), [&](Tester&, const Progress& progress) {
    if (progress.phase == Progress::Phase::waiting_for_returns && progress.left >= 0s)
      has_waited = true;
  });
  EXPECT_EQ(verdict_of(run_), Verdict::mail_sink);
  EXPECT_EQ(naive_verdict_of(run_), Verdict::open_relay);
  EXPECT_TRUE(has_waited);
}

TEST_F(TesterTest, WaitsFromTheLastAcceptanceOn) {
  plan({"plain", "helo"}, keeps);
  relaytest::Setup slow = setup(400ms);
  slow.pace.rate = 2;  // the second one is accepted when the time would be over
  test(std::move(slow));
  EXPECT_GE(run_.ended - probe(1).answered_at, 300ms);
}

TEST_F(TesterTest, DoesNotWaitWhereNothingWasAccepted) {
  plan({"plain"}, keeps, "rcpt=550");
  test(setup(600s));
  EXPECT_EQ(verdict_of(run_), Verdict::closed);
  EXPECT_EQ(target_->taken, 0);
}

TEST_F(TesterTest, WaitsForNoMoreBehindABounce) {
  plan({"plain"}, bounces);
  test(setup(600s));
  EXPECT_EQ(verdict_of(run_), Verdict::closed);
  ASSERT_EQ(probe().returns.size(), 1U);
  EXPECT_EQ(probe().returns[0].what, Return::What::bounced);
}

TEST_F(TesterTest, TriesAgainWhatWasDeferred) {
  plan({"plain"}, relays, "rcpt=451:1");
  bool has_waited = false;
  test(setup(600s), [&](Tester&, const Progress& progress) {
    if (progress.phase == Progress::Phase::waiting_to_retry) has_waited = true;
  });
  EXPECT_EQ(verdict_of(run_), Verdict::open_relay);
  EXPECT_EQ(probe().attempts, 2U);
  EXPECT_TRUE(has_waited);
}

TEST_F(TesterTest, TellsTheHiddenMessageFromTheOneAroundIt) {
  plan({"smuggle-lf-dot-lf"}, is_smuggled_through);
  run_.carrier = "postmaster@mx.office.example";
  plan_probes(run_, std::vector<std::string>{"smuggle-lf-dot-lf"});
  test(setup(600s));
  EXPECT_EQ(verdict_of(run_), Verdict::open_relay);
  ASSERT_EQ(probe().returns.size(), 1U);
  EXPECT_FALSE(probe().returns[0].is_carrier);
}

TEST_F(TesterTest, TakesNoMailOfOthers) {
  plan({"plain"}, [](const CaughtMessage&) -> std::vector<std::string> {
    return {
        "Subject: buy\r\n\r\nnow\r\n",
        "X-Postern-Relay-Test: 20261122-0750-abcdef.0-plain.00112233445566778899aabbccddeeff\r\n"};
  });
  test(setup(100ms));
  EXPECT_EQ(verdict_of(run_), Verdict::mail_sink);
  EXPECT_EQ(target_->answers.size(), 2U);
  EXPECT_THAT(target_->answers, testing::Each(testing::StartsWith("550 5.7.1 ")));
}

TEST_F(TesterTest, StopsWhenItIsTold) {
  plan({"plain", "helo"}, keeps);
  relaytest::Setup slow = setup(600s);
  slow.pace.rate = 0.01;
  test(std::move(slow), [](Tester& tester, const Progress& progress) {
    if (progress.accepted == 1) tester.stop();
  });
  EXPECT_EQ(probe(0).outcome, Outcome::accepted);
  EXPECT_EQ(probe(1).outcome, Outcome::not_tried);
  EXPECT_EQ(verdict_of(run_), Verdict::mail_sink);
  EXPECT_NE(run_.ended, system_clock::time_point());
}

TEST_F(TesterTest, StopsInTheMiddleOfAProbe) {
  plan({"plain"}, keeps);
  net::TcpAcceptor silent(loop_.get_executor(),
                          tcp::endpoint(net::asio::ip::address_v4::loopback(), 0));
  run_.doors[0].port = silent.local_endpoint().port();
  int calls = 0;
  test(setup(600s), [&](Tester& tester, const Progress&) {
    if (++calls == 2) tester.stop();
  });
  EXPECT_NE(verdict_of(run_), Verdict::closed);
  EXPECT_EQ(last_.phase, Progress::Phase::over);
}

TEST_F(TesterTest, IsStoppedByCancellation) {
  plan({"plain"}, keeps);
  Tester tester(loop_.get_executor(), run_, setup(600s), [&](const Progress& it) { last_ = it; });
  net::Nursery nursery(loop_.get_executor());
  nursery.start(tester.test());
  while (last_.accepted == 0) loop_.run_one();
  nursery.cancel();
  finish(nursery);
  EXPECT_EQ(last_.phase, Progress::Phase::over);
  nursery.start(target_->stop());
  finish(nursery);
}

TEST_F(TesterTest, EndsInOrderWhereWhoIsToldThrows) {
  plan({"plain"}, keeps);
  test(setup(600s), [&](Tester&, const Progress& progress) {
    if (progress.accepted == 1) throw std::runtime_error("the terminal is gone (as a test has it)");
  });
  EXPECT_EQ(verdict_of(run_), Verdict::mail_sink);
  EXPECT_NE(run_.ended, system_clock::time_point());
}

TEST_F(TesterTest, OnlyWaitsForARunThatIsResumed) {
  std::vector<std::string> queue;
  plan({"plain"}, [&](const CaughtMessage& message) -> std::vector<std::string> {
    queue.push_back(message.content);
    return {};
  });
  test(setup(0s));
  EXPECT_EQ(verdict_of(run_), Verdict::mail_sink);
  ASSERT_EQ(queue.size(), 1U);

  run_ = run_of(json_of(run_, true));
  std::string name = (std::filesystem::temp_directory_path() / "postern-tester-XXXXXX").string();
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  relaytest::Setup later = setup(600s);
  later.listener.reset();
  later.elsewhere.emplace(name);
  test(std::move(later), [&](Tester&, const Progress& progress) {
    EXPECT_NE(progress.phase, Progress::Phase::waiting_to_retry);
    std::ofstream(std::filesystem::path(name) / "000001.eml") << queue[0];
  });
  std::filesystem::remove_all(name);
  EXPECT_EQ(target_->taken, 1);
  EXPECT_EQ(verdict_of(run_), Verdict::open_relay);
}

}  // namespace
}  // namespace postern::relaytest
