#include "relaytest/script.h"

#include <gtest/gtest.h>

#include "relaytest/planned_run.h"
#include "relaytest/prober.h"

namespace postern::relaytest {
namespace {

TEST(Placeholder, IsFilledInForItsDoor) {
  const auto run = run_without_probes();
  struct Row {
    std::string text;
    std::string v4;
    std::string v6;
  };
  const Row rows[] = {
      {"{us} {sender} {mailbox}", "vantage.tester.test bounces@tester.test probe@tester.test", ""},
      {"{user} {domain} {DOMAIN}", "probe tester.test TESTER.TEST", ""},
      {"{wide-domain}", "tester\xe3\x80\x82test", ""},
      {"{server} {server-domain}", "mx.office.example office.example", ""},
      {"{literal}", "[192.0.2.25]", "[IPv6:2001:db8::25]"},
      {"{ip} {family} {loopback}", "192.0.2.25 TCP4 127.0.0.1", "2001:db8::25 TCP6 ::1"},
      {"no placeholder", "no placeholder", ""},
      {"", "", ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.text);
    EXPECT_EQ(Placeholders(run, run.doors[0]).fill(row.text), row.v4);
    EXPECT_EQ(Placeholders(run, run.doors[1]).fill(row.text), row.v6.empty() ? row.v4 : row.v6);
  }
  EXPECT_EQ(Placeholders(run, run.doors[0]).fill("{long}").size(), 300U);
  EXPECT_THROW((void)Placeholders(run, run.doors[0]).fill("{who}"), std::logic_error);
  EXPECT_THROW((void)Placeholders(run, run.doors[0]).fill("{us"), std::logic_error);
}

TEST(Placeholder, KnowsServersOfEveryName) {
  auto run = run_without_probes();
  const std::tuple<std::string, std::string, std::string> rows[] = {
      {"office.example", "office.example", "office.example"},
      {"localhost", "localhost", "localhost"},
      {"a.b.office.example", "a.b.office.example", "b.office.example"},
      {"192.0.2.25", "[192.0.2.25]", "[192.0.2.25]"},
      {"2001:db8::25", "[IPv6:2001:db8::25]", "[IPv6:2001:db8::25]"},
  };
  for (const auto& [name, server, domain] : rows) {
    SCOPED_TRACE(name);
    run.server = name;
    EXPECT_EQ(Placeholders(run, run.doors[0]).fill("{server}"), server);
    EXPECT_EQ(Placeholders(run, run.doors[0]).fill("{server-domain}"), domain);
  }
}

TEST(Placeholder, TakesAMailboxAtAnAddressLiteral) {
  auto run = run_without_probes();
  run.mailbox = "probe@[192.0.2.9]";
  const Placeholders placeholders(run, run.doors[0]);
  EXPECT_EQ(placeholders.fill("{domain}!{user}@{server}"), "[192.0.2.9]!probe@mx.office.example");
  EXPECT_EQ(placeholders.fill("{user}@{wide-domain}"), "probe@[192.0.2.9]");
}

TEST(Placeholder, TakesAMappedAddressForWhatItIs) {
  auto run = run_without_probes();
  run.doors[0].address = mail::IpAddress::from_string("::ffff:192.0.2.25");
  EXPECT_EQ(Placeholders(run, run.doors[0]).fill("{literal} {family}"), "[192.0.2.25] TCP4");
}

Script script(const relaytest::Run& run, const std::string& trick) {
  const auto& probes = run.doors[0].probes;
  const auto probe = std::ranges::find(probes, trick, &ProbeResult::trick);
  return script_of(run, run.doors[0], *probe, *find_trick(trick), system_clock::time_point());
}

TEST(AScript, SaysWhatItsTrickSays) {
  auto run = run_without_probes();
  plan_probes(run, {});
  EXPECT_EQ(script(run, "percent").rcpt, "RCPT TO:<probe%tester.test@mx.office.example>");
  EXPECT_EQ(script(run, "sender-literal").mail,
            "MAIL FROM:<postern-relay-test-nobody@[192.0.2.25]>");
  EXPECT_EQ(script(run, "saml").mail, "SAML FROM:<bounces@tester.test>");
  EXPECT_EQ(script(run, "no-hello").hello, "");
  EXPECT_EQ(script(run, "auth-login-wrong").claims.size(), 3U);
  EXPECT_EQ(script(run, "two-recipients").also_rcpt,
            "RCPT TO:<postern-relay-test-nobody@mx.office.example>");
  EXPECT_EQ(script(run, "vrfy-mailbox").question, "VRFY probe@tester.test");
  EXPECT_EQ(script(run, "vrfy-mailbox").mail, "");
  EXPECT_TRUE(script(run, "plain").content.ends_with("\r\n.\r\n"));
  EXPECT_FALSE(script(run, "bdat").content.ends_with("\r\n.\r\n"));
}

// 2.2 of the PROXY protocol: 12 octets of signature, version and command, family, length, addresses and ports.
TEST(AScript, SpeaksTheBinaryProxyProtocol) {
  auto run = run_without_probes();
  plan_probes(run, {});
  const std::string v2 = script(run, "proxy-v2").preface;
  ASSERT_EQ(v2.size(), 16U + 12U);
  EXPECT_EQ(v2.substr(0, 12), std::string("\r\n\r\n\0\r\nQUIT\n", 12));
  EXPECT_EQ(v2.substr(12, 4), std::string("\x21\x11\0\x0c", 4));
  EXPECT_EQ(v2.substr(16, 4), std::string("\x7f\0\0\x01", 4));
  EXPECT_EQ(script(run, "proxy-v2-local").preface.size(), 16U);
  EXPECT_EQ(script(run, "proxy-v1").preface, "PROXY TCP4 127.0.0.1 127.0.0.1 40000 25\r\n");
}

TEST(AScript, SmugglesInAMessageToWhomTheTargetKnows) {
  auto run = run_without_probes();
  plan_probes(run, {});
  EXPECT_EQ(script(run, "smuggle-lf-dot-lf").rcpt, "RCPT TO:<probe@tester.test>");
  run.carrier = "info@office.example";
  EXPECT_EQ(script(run, "smuggle-lf-dot-lf").rcpt, "RCPT TO:<info@office.example>");
  EXPECT_EQ(script(run, "plain").rcpt, "RCPT TO:<probe@tester.test>");
}

}  // namespace
}  // namespace postern::relaytest
