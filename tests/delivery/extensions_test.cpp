// What a sender asked for, on its way to the next hop: DSN (RFC 3461) and SMTPUTF8 (RFC 6531).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/bench.h"

namespace postern::delivery {
namespace {

using mail::Notify;
using mail::Return;

const std::string content = "Subject: x\r\n\r\nbody\r\n";
const std::string utf8_content = "Subject: gr\xc3\xbc\xc3\x9f\r\n\r\nbody\r\n";
const std::string ok = "\nS: 250 ok\n";
const std::string the_rest = "C: DATA\nS: 354 go\ncontent\nS: 250 taken\n";

std::string script_of(const std::vector<std::string>& keywords, const std::string& mail,
                      const std::string& rcpt) {
  return hello(keywords) + "C: MAIL FROM:<sender@here.test>" + mail + ok +
         "C: RCPT TO:<one@there.test>" + rcpt + ok + the_rest;
}

frames::Lease international_lease() {
  frames::Lease lease = lease_of(utf8_content, {"one@there.test"});
  lease.needs_utf8 = true;
  return lease;
}

frames::Lease lease_with(mail::DsnOptions dsn, Notify notify, std::string original) {
  frames::Lease lease = lease_of(content, {"one@there.test"});
  lease.dsn = std::move(dsn);
  lease.recipients[0].notify = notify;
  lease.recipients[0].original = std::move(original);
  return lease;
}

bool is_passed_on(const frames::Report& report, std::uint32_t index = 0) {
  for (const auto& outcome : report.outcomes) {
    if (outcome.index == index) return outcome.is_dsn_passed_on;
  }
  return false;
}

TEST(Dsn, IsPassedOnExactlyAsItCameWhereItIsAnnounced) {  // statements 75, 87 and 88
  struct Row {
    const char* why;
    mail::DsnOptions dsn;
    Notify notify;
    std::string original;
    std::string mail;
    std::string rcpt;
  };
  const Row table[] = {
      {"nothing was said", {}, {}, "", "", ""},
      {"all of it",
       {Return::full, "QQ+2B314"},
       {.success = true, .failure = true, .delay = true},
       "rfc822;Bob+2Btag@B.example",
       " RET=FULL ENVID=QQ+2B314",
       " NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;Bob+2Btag@B.example"},
      {"each for itself", {Return::headers, ""}, {}, "", " RET=HDRS", ""},
      {"ENVID alone", {Return::unsaid, "x"}, {}, "", " ENVID=x", ""},
      {"ORCPT alone", {}, {}, "x400;/S=bob/", "", " ORCPT=x400;/S=bob/"},
      {"NOTIFY alone: ORCPT is ours",
       {},
       {.never = true},
       "",
       "",
       " NOTIFY=NEVER ORCPT=rfc822;one@there.test"},
      {"ORCPT in UTF-8 stays, but in ASCII",
       {},
       {},
       "utf-8;b\xc3\xb6"
       "b@b.example",
       "",
       " ORCPT=utf-8;b\\x{F6}b@b.example"},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer server(bench.loop, {script_of({"DSN"}, row.mail, row.rcpt)});
    frames::Lease lease = lease_with(row.dsn, row.notify, row.original);
    lease.via = {relayhost_at(server.port())};
    const auto report = bench.deliver(std::move(lease));
    EXPECT_EQ(outcome_text(report, 0), "delivered 250");
    EXPECT_TRUE(is_passed_on(report));
  }
}

TEST(Dsn, IsNotSentWhereItIsNotAnnounced) {  // statement 75
  Bench bench;
  FakeServer server(bench.loop, {script_of({"PIPELINING", "DSNX"}, "", "")});
  frames::Lease lease = lease_with({Return::full, "id"}, {.success = true}, "rfc822;b@b.example");
  lease.via = {relayhost_at(server.port())};
  const auto report = bench.deliver(std::move(lease));
  EXPECT_EQ(outcome_text(report, 0), "delivered 250");
  EXPECT_FALSE(is_passed_on(report)) << "the queue tells the sender";
}

TEST(Dsn, IsPassedOnOnlyForThoseWhoGotTheMessage) {
  Bench bench;
  FakeServer server(bench.loop,
                    {hello({"DSN", "PIPELINING"}) +
                     "C: MAIL FROM:*\nC: RCPT TO:<a@*\nC: RCPT TO:<b@*\nC: RCPT TO:<c@*\nC: DATA\n"
                     "S: 250 ok\nS: 250 ok\nS: 550 no\nS: 451 later\nS: 354 go\n"
                     "content\nS: 250 taken\n"});
  const auto report = bench.deliver({relayhost_at(server.port())},
                                    {"a@there.test", "b@there.test", "c@there.test"});
  EXPECT_TRUE(is_passed_on(report, 0));
  EXPECT_FALSE(is_passed_on(report, 1));
  EXPECT_FALSE(is_passed_on(report, 2));
}

TEST(SmtpUtf8, IsSaidWhereItIsNeededAndOffered) {  // statement 74
  struct Row {
    const char* why;
    std::string header;
    bool needs_utf8;  // the message as a whole
    std::string original;
    std::vector<std::string> keywords;
    std::string mail;
    std::string rcpt;
  };
  const std::string plain = "Subject: x\r\n";
  const std::string international = "Subject: gr\xc3\xbc\xc3\x9f\r\n";
  const std::string bob =
      "utf-8;b\xc3\xb6"
      "b@b.example";
  const Row table[] = {
      {"needed and offered",
       international,
       true,
       "",
       {"8BITMIME", "SMTPUTF8"},
       " BODY=8BITMIME SMTPUTF8",
       ""},
      {"not needed, though offered", plain, false, "", {"SMTPUTF8"}, "", ""},
      {"not needed, nor offered", plain, false, "", {}, "", ""},
      {"needed only elsewhere, nor offered here", plain, true, "", {}, "", ""},
      {"asked for, but not said to be needed",
       international,
       false,
       "",
       {"8BITMIME"},
       " BODY=8BITMIME",
       ""},
      {"an ORCPT in UTF-8 may stay so",
       international,
       true,
       bob,
       {"8BITMIME", "SMTPUTF8", "DSN"},
       " BODY=8BITMIME SMTPUTF8",
       " ORCPT=" + bob},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer server(bench.loop, {script_of(row.keywords, row.mail, row.rcpt)});
    frames::Lease lease = lease_of(row.header + "\r\nbody\r\n", {"one@there.test"});
    lease.recipients[0].original = row.original;
    lease.needs_utf8 = row.needs_utf8;
    lease.via = {relayhost_at(server.port())};
    EXPECT_EQ(outcome_text(bench.deliver(std::move(lease)), 0), "delivered 250");
  }
}

TEST(SmtpUtf8, IsNeededByAnAddressAlone) {  // statement 74
  const std::string joerg = "j\xc3\xb6rg@there.test";
  const std::string zoe = "zo\xc3\xab@here.test";
  struct Row {
    const char* why;
    std::string from;
    std::string to;
    bool is_needed;
  };
  const Row table[] = {{"nothing international", "a@here.test", "b@there.test", false},
                       {"the recipient", "a@here.test", joerg, true},
                       {"the sender", zoe, "b@there.test", true}};
  for (const Row& row : table) {
    SCOPED_TRACE(row.why);
    for (const bool is_offered : {true, false}) {
      Bench bench;
      FakeServer server(bench.loop,
                        {hello(is_offered ? std::vector<std::string>{"SMTPUTF8", "DSN"}
                                          : std::vector<std::string>{}) +
                         "C: MAIL FROM:<" + row.from + ">" + (row.is_needed ? " SMTPUTF8" : "") +
                         "\nS: 250 ok\nC: RCPT TO:<" + row.to + ">" + ok + the_rest});
      frames::Lease lease = lease_of(content, {row.to});
      lease.reverse_path = *mail::Mailbox::parse(row.from);
      lease.needs_utf8 = true;
      lease.via = {relayhost_at(server.port())};
      EXPECT_EQ(outcome_text(bench.deliver(std::move(lease)), 0),
                row.is_needed && !is_offered ? "failed 550 5.6.7" : "delivered 250");
    }
  }
}

TEST(SmtpUtf8, ThatIsNotOfferedIsForTheNextHop) {  // statement 74
  Bench bench;
  FakeServer without(bench.loop, {hello({"8BITMIME"})});
  FakeServer with(bench.loop, {script_of({"8BITMIME", "SMTPUTF8"}, " BODY=8BITMIME SMTPUTF8", "")});
  frames::Lease lease = international_lease();
  lease.via = {relayhost_at(without.port()), relayhost_at(with.port())};
  const auto report = bench.deliver(std::move(lease));
  EXPECT_EQ(outcome_text(report, 0), "delivered 250");
  EXPECT_EQ(without.connections(), 1U);
}

TEST(SmtpUtf8, ThatNobodyOffersFails) {  // statement 74
  Bench bench;
  FakeServer first(bench.loop, {hello({"8BITMIME"})});
  FakeServer second(bench.loop, {hello({"DSN"})});  // the lack of 8BITMIME is the lesser one
  frames::Lease lease = international_lease();
  lease.via = {relayhost_at(first.port()), relayhost_at(second.port())};
  EXPECT_EQ(outcome_text(bench.deliver(std::move(lease)), 0), "failed 550 5.6.7");
}

// A hop that could not be asked might have offered it.
TEST(SmtpUtf8, ThatOneHopLacksWaitsForAnotherThatIsDown) {  // statement 74
  Bench bench;
  FakeServer without(bench.loop, {hello({"8BITMIME"})});
  frames::Lease lease = international_lease();
  lease.via = {relayhost_at(without.port()), relayhost_at(1)};
  const auto report = bench.deliver(std::move(lease));
  EXPECT_EQ(outcome_text(report, 0), "-");
  EXPECT_EQ(hindrance_name(report), "unreachable");
}

}  // namespace
}  // namespace postern::delivery
