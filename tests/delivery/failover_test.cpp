// The way over several hops.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/bench.h"
#include "net/dnsmasq.h"

namespace postern::delivery {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

const std::string transaction =
    "C: MAIL FROM:<sender@here.test>*\nS: 250 ok\nC: RCPT TO:<one@there.test>\nS: 250 ok\n"
    "C: DATA\nS: 354 go on\ncontent\n";
const std::string taken = "S: 250 2.0.0 taken as 42\n";

TEST(Failover, TakesTheNextRelayhostWhenOneIsNotThere) {
  struct Row {
    const char* why;
    std::string script;
  };
  const std::vector<Row> rows = {
      {"closes at once", "close\n"},
      {"greets with 421", "S: 421 busy\n"},
      {"greets with 554", "S: 554 no\n"},
      {"says nothing", "hang\n"},
      {"speaks another protocol", "S: SSH-2.0-OpenSSH\nhang\n"},
      {"breaks at MAIL", hello({}) + "C: MAIL*\nclose\n"},
      {"breaks in the content",
       hello({}) + "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: DATA\nclose\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    if (row.script == "hang\n") bench.session->limits.greeting = std::chrono::milliseconds(300);
    FakeServer first(bench.loop, {row.script});
    FakeServer second(bench.loop, {hello({}) + transaction + taken});
    const auto report = bench.deliver({relayhost_at(first.port()), relayhost_at(second.port())});
    EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
    EXPECT_THAT(report.remote, HasSubstr(std::to_string(second.port())));
    EXPECT_EQ(first.connections(), 1U);
  }
}

TEST(Failover, IsNotForAnAnswerAboutTheMessage) {
  for (const char* reply : {"450 4.2.1 greylisted", "550 5.1.1 unknown"}) {
    SCOPED_TRACE(reply);
    Bench bench;
    FakeServer first(bench.loop,
                     {hello({}) + "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: " + reply + "\nC: RSET*\n"});
    FakeServer second(bench.loop, {hello({}) + transaction + taken});
    const auto report = bench.deliver({relayhost_at(first.port()), relayhost_at(second.port())});
    EXPECT_THAT(outcome_text(report, 0), HasSubstr(std::string(reply).substr(0, 9)));
    EXPECT_EQ(second.connections(), 0U);
  }
}

// What may have arrived is not sent again at once, to another host.
TEST(Failover, EndsAtTheFinalDot) {
  Bench bench;
  FakeServer first(bench.loop, {hello({}) + transaction});
  FakeServer second(bench.loop, {hello({}) + transaction + taken});
  const auto report = bench.deliver({relayhost_at(first.port()), relayhost_at(second.port())});
  EXPECT_EQ(outcome_text(report, 0), "deferred 451 4.4.2");
  EXPECT_EQ(second.connections(), 0U);
}

TEST(Failover, EndsWhereNobodyIsThere) {
  Bench bench;
  auto gone = std::make_unique<FakeServer>(bench.loop, std::vector<std::string>());
  const std::uint16_t port = gone->port();
  gone.reset();
  frames::Relayhost unknown = relayhost_at(25);
  unknown.host = "nobody.invalid";
  const auto report = bench.deliver({relayhost_at(port), unknown});
  EXPECT_EQ(hindrance_name(report), "unreachable");
  EXPECT_THAT(report.hindrance_text, HasSubstr("Connection refused"));
  EXPECT_THAT(report.outcomes, IsEmpty());
}

// ── by MX ────────────────────────────────────────────────────────────────────────────────────────────────────────────

frames::Lease mx_lease(const std::string& domain) {
  frames::Lease lease = lease_of("Subject: x\r\n\r\nbody\r\n", {"one@there.test"});
  lease.domain = domain;
  return lease;
}

void answer_by(Bench& bench, const net::Dnsmasq& dns, std::uint16_t port) {
  bench.setup.resolver = std::make_unique<net::Resolver>(
      bench.loop.get_executor(), std::vector{dns.address()}, std::chrono::milliseconds(50));
  bench.setup.mx.deliver_to_private = true;
  bench.setup.mx.smtp_port = port;
}

TEST(ByMx, FindsTheServerAndPassesOverADeadOne) {
  const net::Dnsmasq dns({"--local=/test/", "--mx-host=there.test,dead.there.test,5",
                          "--mx-host=there.test,mx.there.test,10",
                          "--host-record=mx.there.test,127.0.0.1",
                          "--host-record=dead.there.test,127.0.0.2"});
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction + taken});
  answer_by(bench, dns, server.port());
  const auto report = bench.deliver(mx_lease("there.test"));
  EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
  EXPECT_EQ(report.remote, "mx.there.test[127.0.0.1]:" + std::to_string(server.port()));
  EXPECT_EQ(outcome_text(bench.deliver(mx_lease("nobody.test")), 0), "failed 550 5.1.2");
}

TEST(ByMx, FailsOrWaitsAsDnsSays) {
  Bench bench;  // its resolver is not there
  const auto waiting = bench.deliver(mx_lease("there.test"));
  EXPECT_EQ(hindrance_name(waiting), "unreachable");
  EXPECT_THAT(waiting.hindrance_text, HasSubstr("DNS"));
  // Behaviour 63.
  EXPECT_EQ(outcome_text(bench.deliver(mx_lease("[127.0.0.1]")), 0), "failed 550 5.1.2");
}

// Behaviour 60. A relayhost may have our name: both may run on one machine.
TEST(ByMx, NeverDeliversToOurselves) {
  const net::Dnsmasq dns({"--local=/test/", "--host-record=there.test,127.0.0.1"});
  const std::string greeting = "S: 220 Client.Test ESMTP\nhang\n";
  const std::string later =
      "S: 220 other.test\nC: EHLO*\nS: 250-client.test hello\nS: 250 SIZE\nhang\n";
  for (const std::string& script : {greeting, later}) {
    Bench bench;
    FakeServer server(bench.loop, {script});
    answer_by(bench, dns, server.port());
    EXPECT_EQ(outcome_text(bench.deliver(mx_lease("there.test")), 0), "failed 554 5.4.6");
  }
  Bench bench;
  FakeServer relay(bench.loop,
                   {"S: 220 client.test\nC: EHLO*\nS: 250 client.test\n" + transaction + taken});
  EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(relay.port())}), 0), "delivered 250 2.0.0");
}

}  // namespace
}  // namespace postern::delivery
