#include "relaytest/prober.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "certificate.h"
#include "delivery/fake_server.h"
#include "relaytest/catcher.h"
#include "relaytest/planned_run.h"
#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

using testing::Contains;
using testing::HasSubstr;

net::asio::ip::tcp::endpoint any_port() { return {net::asio::ip::address_v4::loopback(), 0}; }

Pace fast() {
  Pace pace;
  pace.rate = 0;  // no limit
  pace.timeout = std::chrono::seconds(10);
  pace.surplus = milliseconds(20);
  pace.retry_after = std::chrono::seconds(0);
  return pace;
}

class Probing : public testing::Test {
 protected:
  Probing() {
    ::signal(SIGPIPE, SIG_IGN);
  }  // as in the program: OpenSSL writes without MSG_NOSIGNAL

  void plan(const std::vector<std::string>& tricks, const std::vector<std::uint16_t>& ports) {
    run_.us = "client.test";
    run_.doors.resize(ports.size());
    for (std::size_t i = 0; i < ports.size(); ++i) {
      run_.doors[i].address = net::asio::ip::address_v4::loopback();
      run_.doors[i].port = ports[i];
    }
    plan_probes(run_, tricks);
  }

  /// Probes until nothing is left, or `limit` is over: then cancels it.
  void probe(const Pace& pace, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    Prober prober(run_, pace, [this] { ++changes_; });
    net::Nursery nursery(loop_.get_executor());
    nursery.start(prober.probe_all());
    const auto until = net::Clock::now() + limit;
    while (nursery.size() > 0 && net::Clock::now() < until) {
      loop_.restart();
      loop_.run_one_until(until);
    }
    if (nursery.size() > 0) delivery::end_all(loop_, nursery);
    tried_ = prober.tried();
  }

  /// A catcher that answers as scripted, and what it has caught.
  std::unique_ptr<Catcher> catcher(const std::vector<std::string>& replies) {
    net::TcpAcceptor acceptor(loop_.get_executor(), any_port());
    catcher_port_ = acceptor.local_endpoint().port();
    Catcher::Options options;
    for (const std::string& reply : replies) EXPECT_TRUE(options.replies.add(reply));
    options.limits.kept = 100'000;
    options.tls = *net::server_tls(certificate_.pem(), certificate_.key_pem());
    auto catcher = std::make_unique<Catcher>(std::move(acceptor), std::move(options),
                                             [this](const CaughtMessage& message) {
                                               caught_.push_back(message);
                                               return true;
                                             });
    catcher->start();
    return catcher;
  }

  void stop(Catcher& catcher) {
    net::Nursery nursery(loop_.get_executor());
    nursery.start(catcher.stop());
    loop_.restart();
    while (nursery.size() > 0) loop_.run_one();
  }

  const std::vector<ProbeResult>& probes(std::size_t door = 0) { return run_.doors[door].probes; }

  net::asio::io_context loop_{1};
  tests::Certificate certificate_{"DNS:mx.test"};
  relaytest::Run run_ = run_without_probes();
  std::uint16_t catcher_port_ = 0;
  std::vector<CaughtMessage> caught_;
  std::size_t changes_ = 0;
  std::size_t tried_ = 0;
};

TEST_F(Probing, TriesTheWholeCatalogueAtAServerThatTakesAll) {
  const auto sink = catcher({});
  plan({}, {catcher_port_});
  probe(fast());
  stop(*sink);
  EXPECT_EQ(tried_, catalogue().size());
  EXPECT_EQ(changes_, catalogue().size());
  std::size_t accepted = 0;
  for (const ProbeResult& probe : probes()) {
    SCOPED_TRACE(probe.trick);
    EXPECT_NE(probe.outcome, Outcome::not_tried);
    EXPECT_EQ(probe.attempts, 1U);
    EXPECT_FALSE(probe.transcript.empty());
    if (probe.outcome != Outcome::accepted) continue;
    ++accepted;
    const std::string& token = probe.kind == Kind::smuggling ? probe.carrier_token : probe.token;
    const auto carries = [&](const CaughtMessage& message) {
      return message.content.find("X-Postern-Relay-Test: " + token + "\r\n") != std::string::npos;
    };
    EXPECT_EQ(std::ranges::count_if(caught_, carries), 1);
  }
  EXPECT_EQ(accepted, caught_.size());
  EXPECT_GT(accepted, 60U);
  EXPECT_EQ(run_.doors[0].trouble, "");
  EXPECT_THAT(run_.doors[0].greeting, HasSubstr("220"));
}

TEST_F(Probing, OneThatIsGreylistedIsTriedAgain) {
  const auto sink = catcher({"rcpt=451:2"});
  plan({"plain", "sender-null"}, {catcher_port_});
  probe(fast());
  stop(*sink);
  EXPECT_EQ(probes()[0].outcome, Outcome::accepted);
  EXPECT_EQ(probes()[1].outcome, Outcome::accepted);
  EXPECT_EQ(probes()[0].attempts + probes()[1].attempts, 4U);
}

TEST_F(Probing, OneThatIsAlwaysDeferredIsGivenUp) {
  const auto sink = catcher({"rcpt=451"});
  plan({"plain"}, {catcher_port_});
  probe(fast());
  stop(*sink);
  EXPECT_EQ(probes()[0].outcome, Outcome::deferred);
  EXPECT_EQ(probes()[0].attempts, 3U);
}

TEST_F(Probing, SaysUntilWhenItWaits) {
  const auto sink = catcher({"rcpt=451:1"});
  plan({"plain"}, {catcher_port_});
  Pace pace = fast();
  pace.retry_after = std::chrono::seconds(1);
  std::optional<net::Clock::time_point> until;
  Prober prober(run_, pace, [] {});
  net::Nursery nursery(loop_.get_executor());
  nursery.start(prober.probe_all());
  const auto begun = net::Clock::now();
  while (nursery.size() > 0) {
    loop_.run_one();
    if (prober.waits_until()) until = prober.waits_until();
  }
  stop(*sink);
  ASSERT_TRUE(until);
  EXPECT_GT(*until, begun + milliseconds(900));
  EXPECT_EQ(probes()[0].outcome, Outcome::accepted);
  EXPECT_EQ(probes()[0].attempts, 2U);
}

TEST_F(Probing, A421EndsTheTalkWithThatDoorOnly) {
  const auto tired = catcher({"rcpt=550:2", "rcpt=421"});
  const std::uint16_t tired_port = catcher_port_;
  const auto lively = catcher({"rcpt=550"});
  plan({"plain", "helo", "sender-null", "sender-server", "percent", "route"},
       {tired_port, catcher_port_});
  Pace pace = fast();
  pace.at_a_time = 1;
  probe(pace);
  stop(*tired);
  stop(*lively);
  EXPECT_THAT(run_.doors[0].trouble, HasSubstr("421"));
  EXPECT_EQ(probes()[1].outcome, Outcome::refused);
  EXPECT_EQ(probes()[2].outcome, Outcome::deferred);
  EXPECT_EQ(probes()[3].outcome, Outcome::not_tried);
  EXPECT_EQ(probes(1)[5].outcome, Outcome::refused);
}

TEST_F(Probing, ADoorThatNobodyOpensIsGivenUp) {
  std::uint16_t closed_port = 0;
  {
    net::TcpAcceptor acceptor(loop_.get_executor(), any_port());
    closed_port = acceptor.local_endpoint().port();
  }
  plan({}, {closed_port});
  probe(fast());
  EXPECT_EQ(tried_, 3U);
  EXPECT_FALSE(run_.doors[0].is_reachable);
  EXPECT_EQ(run_.doors[0].trouble, "Connection refused");
}

TEST_F(Probing, WhoInsistsOnTlsIsAskedUnderTls) {
  const std::string refusal =
      delivery::hello({"STARTTLS"}) +
      "C: MAIL*\nS: 530 5.7.0 Must issue a STARTTLS command first\nC: QUIT\nS: 221 bye\n";
  const std::string encrypted = delivery::hello({"STARTTLS"}) +
                                "C: STARTTLS\nS: 220 go\ntls\nC: EHLO*\nS: 250 mx\nC: MAIL*\nS: "
                                "550 5.7.1 no\nC: QUIT\nS: 221 bye\n";
  delivery::FakeServer server(loop_, {refusal, encrypted, encrypted},
                              *net::server_tls(certificate_.pem(), certificate_.key_pem()));
  plan({"plain", "sender-null"}, {server.port()});
  Pace pace = fast();
  pace.at_a_time = 1;
  probe(pace);
  for (const ProbeResult& probe : probes()) {
    EXPECT_EQ(probe.reply, "550 5.7.1 no");
    EXPECT_THAT(probe.tls, HasSubstr("TLSv1."));
    EXPECT_EQ(probe.attempts, 1U);
  }
  EXPECT_EQ(server.connections(), 3U) << "the second one knows what is wanted";
}

TEST_F(Probing, WhatWasNotFinishedWhenItIsCancelledWasNotTried) {
  const std::string hang = delivery::hello({}) + "C: MAIL*\nhang";
  const std::string refusal = delivery::hello({}) + "C: MAIL*\nS: 550 no\nC: QUIT\nS: 221 bye\n";
  delivery::FakeServer server(loop_, {refusal, hang, hang, hang, hang});
  plan({"sender-null", "sender-server", "sender-domain", "percent", "route", "bang"},
       {server.port()});
  probe(fast(), milliseconds(300));
  EXPECT_EQ(tried_, 1U);
  EXPECT_EQ(probes()[0].outcome, Outcome::refused);
  EXPECT_EQ(probes()[1].outcome, Outcome::not_tried);
  EXPECT_EQ(probes()[1].attempts, 0U);
  EXPECT_EQ(server.connections(), 5U);
}

TEST_F(Probing, StopsAtTheFirstThatIsAcceptedWhereThatIsAll) {
  const auto sink = catcher({"rcpt=550:1"});
  plan({"plain", "sender-null", "percent", "route"}, {catcher_port_});
  Pace pace = fast();
  pace.at_a_time = 1;
  pace.until_accepted = true;
  probe(pace);
  stop(*sink);
  EXPECT_EQ(probes()[1].outcome, Outcome::accepted);
  EXPECT_EQ(probes()[2].outcome, Outcome::not_tried);
}

TEST_F(Probing, BeginsNoMoreThanItsRate) {
  const auto sink = catcher({"mail=550"});
  plan({"plain", "helo", "sender-null", "percent", "route", "bang"}, {catcher_port_});
  Pace pace = fast();
  pace.rate = 20;
  const auto begun = net::Clock::now();
  probe(pace);
  stop(*sink);
  EXPECT_GE(net::Clock::now() - begun, milliseconds(5 * 50));
  EXPECT_EQ(tried_, 6U);
}

// ── plan and dry run ─────────────────────────────────────────────────────────────────────────────────────────────────

TEST(Plan, GivesEachProbeATokenOfItsOwn) {
  auto run = run_without_probes();
  run.carrier = "info@office.example";
  plan_probes(run, {});
  std::set<std::string> tokens;
  std::size_t messages = 0;
  for (const Door& door : run.doors) {
    for (const ProbeResult& probe : door.probes) {
      SCOPED_TRACE(probe.trick);
      EXPECT_EQ(probe.kind, find_trick(probe.trick)->kind);
      EXPECT_EQ(probe.has_local_carrier, probe.kind == Kind::smuggling);
      EXPECT_EQ(probe.token.empty(), probe.kind == Kind::question);
      EXPECT_EQ(probe.carrier_token.empty(), probe.kind != Kind::smuggling);
      for (const std::string& token : {probe.token, probe.carrier_token}) {
        if (token.empty()) continue;
        ++messages;
        tokens.insert(token);
        EXPECT_EQ(tokens_in(token), std::vector{token});
      }
    }
  }
  EXPECT_EQ(tokens.size(), messages);
}

TEST(Plan, TakesOnlyWhatIsWanted) {
  auto run = run_without_probes();
  plan_probes(run, std::vector<std::string>{"route", "plain"});
  ASSERT_EQ(run.doors[1].probes.size(), 2U);
  EXPECT_EQ(run.doors[1].probes[0].trick, "plain");
  EXPECT_THROW(plan_probes(run, std::vector<std::string>{"no-such-trick"}), std::invalid_argument);
}

TEST(DryRun, ShowsAllThatWouldBeSent) {
  auto run = run_without_probes();
  plan_probes(run, {});
  for (const ProbeResult& probe : run.doors[0].probes) {
    SCOPED_TRACE(probe.trick);
    const std::string text = dry_run_of(run, run.doors[0], probe);
    EXPECT_TRUE(
        std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
    EXPECT_TRUE(text.starts_with("# " + probe.trick + " to 192.0.2.25:25\n"));
    EXPECT_TRUE(text.ends_with("> QUIT\n"));
    if (probe.kind == Kind::question) continue;
    EXPECT_THAT(text, HasSubstr("\n> X-Postern-Relay-Test: " + probe.token + '\n'));
  }
}

TEST(DryRun, ShowsWhatIsHiddenInIt) {
  auto run = run_without_probes();
  plan_probes(run, std::vector<std::string>{"control-nul", "smuggle-lf-dot-lf", "tls-auth-wrong"});
  const auto& probes = run.doors[0].probes;
  EXPECT_THAT(dry_run_of(run, run.doors[0], probes[0]),
              HasSubstr("\n> The second message:\\n.\\nMAIL FROM:"));
  EXPECT_THAT(dry_run_of(run, run.doors[0], probes[1]),
              HasSubstr("> EHLO vantage.tester.test\n> STARTTLS\n# TLS from here on\n> EHLO"));
  EXPECT_THAT(dry_run_of(run, run.doors[0], probes[2]),
              HasSubstr("\n> RCPT TO:<probe@tester.test\\x00@"));
}

}  // namespace
}  // namespace postern::relaytest
