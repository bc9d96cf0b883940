#include "relaytest/self_test.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::relaytest {
namespace {

using frames::SelftestResult;
using testing::HasSubstr;
using Verdict = SelftestResult::Verdict;

mail::IpAddress address(const char* text) { return mail::parse_address(text).value(); }

frames::SelftestSettings settings() {
  frames::SelftestSettings settings;
  settings.hostname = "smarthost.office.example";
  settings.domain = "office.example";
  settings.mailbox = "relay-test@postern-self-test.invalid";
  settings.returns = "127.0.0.1:2526";
  settings.sources = {address("198.51.100.7")};
  settings.mynetworks = {mail::Network::parse("192.0.2.0/24").value()};
  return settings;
}

struct SourceRow {
  const char* target;
  const char* usual;
  const char* source;  // or part of why there is none
  const char* why;
};

TEST(SelfTest, ComesToEachTargetAsAStranger) {
  const SourceRow rows[] = {
      {"127.0.0.1", "127.0.0.1", "198.51.100.7", "on this machine: as to the listeners"},
      {"127.0.0.5", "127.0.0.1", "198.51.100.7",
       "on this machine, though reached from another address"},
      {"192.0.2.2", "192.0.2.2", "198.51.100.7", "the machine's own address"},
      {"203.0.113.9", "203.0.113.2", "203.0.113.2", "elsewhere, and we are not trusted"},
      {"203.0.113.9", "192.0.2.2", "192.0.2.2, which is in mynetworks",
       "elsewhere, and we are trusted"},
      {"203.0.113.9", "0.0.0.0", "no way", "unreachable"},
      {"::1", "::1", "no address outside mynetworks", "on this machine, without a source for IPv6"},
  };
  for (const SourceRow& row : rows) {
    SCOPED_TRACE(row.why);
    const auto source = source_towards(address(row.target), address(row.usual), settings());
    if (const auto* found = std::get_if<mail::IpAddress>(&source)) {
      EXPECT_EQ(found->to_string(), row.source);
    } else {
      EXPECT_THAT(std::get<std::string>(source), HasSubstr(row.source));
    }
  }
}

ProbeResult probe(Outcome outcome, const char* reply) {
  ProbeResult probe;
  probe.trick = "plain";
  probe.outcome = outcome;
  probe.step = "content";
  probe.reply = reply;
  probe.from = "<a@b.example>";
  probe.to = "<c@d.example>";
  probe.attempts = 1;
  return probe;
}

SelfTest tested(std::vector<ProbeResult> probes,
                const char* greeting = "220 smarthost.office.example ESMTP") {
  SelfTest test;
  Door other;
  other.label = "127.0.0.1:465";
  other.is_reachable = true;
  other.greeting = greeting;
  other.probes = {probe(Outcome::refused, "550 no")};
  Door door = other;
  door.label = "127.0.0.1:587";
  door.probes = std::move(probes);
  test.run.doors = {std::move(other), std::move(door)};
  return test;
}

SelftestResult result(const SelfTest& test) {
  return self_result_of(test, "smarthost.office.example");
}

TEST(SelfTestResult, IsPassedWhereAllWasRefused) {
  const SelftestResult passed = result(tested({probe(Outcome::refused, "550 no")}));
  EXPECT_EQ(passed.verdict, Verdict::passed);
  EXPECT_EQ(passed.doors, 2U);
  EXPECT_EQ(passed.probes, 2U);
}

TEST(SelfTestResult, IsAFindingWithTheWayWhereAProbeCameBack) {
  ProbeResult open = probe(Outcome::accepted, "250 ok");
  Return back;
  back.peer = "127.0.0.1";
  back.received = {"from stranger (127.0.0.1) by smarthost.office.example"};
  open.returns = {back};
  const SelftestResult found = result(tested({probe(Outcome::refused, "550 no"), open}));
  EXPECT_EQ(found.verdict, Verdict::returned);
  EXPECT_EQ(found.door, "127.0.0.1:587");
  EXPECT_EQ(found.trick, "plain");
  EXPECT_THAT(found.evidence, HasSubstr("Received: from stranger"));
}

TEST(SelfTestResult, IsAFindingWhereWeTookAProbe) {
  const SelftestResult found = result(tested({probe(Outcome::accepted, "250 2.0.0 taken")}));
  EXPECT_EQ(found.verdict, Verdict::accepted);
  EXPECT_THAT(found.evidence,
              HasSubstr("RCPT TO:<c@d.example> was answered at content: 250 2.0.0 taken"));
}

TEST(SelfTestResult, IsNoFindingWhereSomebodyElseTookIt) {
  for (const char* greeting :
       {"220 mx.provider.example ESMTP", "220 smarthost.office.example.evil.example", "220"}) {
    SCOPED_TRACE(greeting);
    const SelftestResult doubt = result(tested({probe(Outcome::accepted, "250 ok")}, greeting));
    EXPECT_EQ(doubt.verdict, Verdict::inconclusive);
    EXPECT_THAT(doubt.evidence, HasSubstr("not this Postern"));
  }
}

TEST(SelfTestResult, IsInconclusiveWhereADoorDidNotSayNo) {
  for (const Outcome outcome :
       {Outcome::deferred, Outcome::broken_off, Outcome::no_answer, Outcome::not_tried}) {
    const SelftestResult doubt = result(tested({probe(outcome, "451 later")}));
    EXPECT_EQ(doubt.verdict, Verdict::inconclusive) << static_cast<int>(outcome);
    EXPECT_THAT(doubt.evidence, HasSubstr("451 later"));
  }
}

TEST(SelfTestResult, DoesNotCountWhatCannotBeReached) {
  SelfTest test = tested({probe(Outcome::no_answer, "")});
  test.run.doors[1].is_reachable = false;
  test.run.doors[1].trouble = "Connection refused";
  const SelftestResult passed = result(test);
  EXPECT_EQ(passed.verdict, Verdict::passed);
  EXPECT_EQ(passed.doors, 1U);
  EXPECT_THAT(passed.gaps, testing::ElementsAre("127.0.0.1:587: Connection refused"));

  test.run.doors.erase(test.run.doors.begin());
  EXPECT_EQ(result(test).verdict, Verdict::inconclusive);
}

TEST(SelfTestResult, IsOfAFixedSizeWhateverWasSaid) {
  const std::string long_reply(100'000, 'x');
  SelfTest test = tested({probe(Outcome::accepted, long_reply.c_str())});
  test.gaps.assign(1000, "gap");
  const SelftestResult found = result(test);
  EXPECT_LT(found.evidence.size(), 1000U);
  EXPECT_EQ(found.gaps.size(), frames::max_gaps);
}

}  // namespace
}  // namespace postern::relaytest
