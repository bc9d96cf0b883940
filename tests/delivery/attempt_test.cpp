#include "delivery/attempt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/bench.h"

namespace postern::delivery {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const std::string transaction =
    "C: MAIL FROM:<sender@here.test>*\nS: 250 ok\nC: RCPT TO:<one@there.test>\nS: 250 ok\n"
    "C: DATA\nS: 354 go on\ncontent\nS: 250 2.0.0 taken as 42\n";
const std::string goodbye = "C: QUIT\nS: 221 bye\n";

// The commands of a transaction without pipelining, each with the reply that a test puts in its place.
struct Replies {
  std::string greeting = "S: 220 mx.test ESMTP\n";
  std::string ehlo = "S: 250 mx.test\n";
  std::string mail = "S: 250 ok\n";
  std::string rcpt = "S: 250 ok\n";
  std::string data = "S: 354 go on\n";
  std::string dot = "S: 250 2.0.0 taken\n";

  [[nodiscard]] std::string script() const {
    return greeting + "C: EHLO client.test\n" + ehlo + "C: MAIL FROM:*\n" + mail +
           "C: RCPT TO:*\n" + rcpt + "C: DATA\n" + data + "content\n" + dot;
  }
};

const std::string delivered = "delivered 250 2.0.0";

struct Case {
  const char* why;
  Replies replies;
  std::string outcome;  // of the only recipient
  std::string hindrance = "none";
};

enum class Words { of_hop, ours };
void expect_outcomes(const std::vector<Case>& rows, Words words = Words::of_hop) {
  for (const Case& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    if (row.outcome != delivered && row.replies.script().find("hang\n") != std::string::npos)
      bench.be_impatient();
    FakeServer server(bench.loop, {row.replies.script()});
    const auto report = bench.deliver({relayhost_at(server.port())});
    EXPECT_EQ(outcome_text(report, 0), row.outcome);
    EXPECT_EQ(hindrance_name(report), row.hindrance);
    EXPECT_EQ(report.hindrance_text.empty(), row.hindrance == "none");
    EXPECT_EQ(report.lease, 7U);
    const bool is_ours = words == Words::ours && row.outcome != delivered;
    const std::string hop = "127.0.0.1[127.0.0.1]:" + std::to_string(server.port());
    EXPECT_EQ(report.remote, is_ours ? "" : hop) << "the hop only where these are its words";
  }
}

TEST(Delivery, FollowsTheRepliesOfEachStep) {
  expect_outcomes({
      {"all is well", {}, "delivered 250 2.0.0"},
      {"greeting 4xx (66)", {.greeting = "S: 421 busy\n"}, "-", "unreachable"},
      {"greeting 5xx (66)", {.greeting = "S: 554 not for you\n"}, "-", "unreachable"},
      {"EHLO 4xx", {.ehlo = "S: 451 later\n"}, "-", "unreachable"},
      {"EHLO 421 (70)", {.ehlo = "S: 421 closing\n"}, "-", "unreachable"},
      {"MAIL 4xx", {.mail = "S: 451 4.3.0 later\n"}, "deferred 451 4.3.0"},
      {"MAIL 5xx", {.mail = "S: 550 5.7.1 no\n"}, "failed 550 5.7.1"},
      {"MAIL 3xx makes no sense", {.mail = "S: 354 what\n"}, "deferred 354"},
      {"MAIL 421: the host is closing (70)",
       {.mail = "S: 421 4.3.2 closing\n"},
       "-",
       "unreachable"},
      {"RCPT 4xx", {.rcpt = "S: 450 4.2.1 greylisted\n"}, "deferred 450 4.2.1"},
      {"RCPT 5xx", {.rcpt = "S: 550 5.1.1 unknown\n"}, "failed 550 5.1.1"},
      {"RCPT 3xx makes no sense", {.rcpt = "S: 354 what\n"}, "deferred 354"},
      {"RCPT 251 is a yes", {.rcpt = "S: 251 will forward\n"}, "delivered 250 2.0.0"},
      {"RCPT 421 (70)", {.rcpt = "S: 421 4.3.2 closing\n"}, "deferred 421 4.3.2", "unreachable"},
      {"RCPT 452 for the first (69)", {.rcpt = "S: 452 4.5.3 too many\n"}, "deferred 452 4.5.3"},
      {"RCPT 552 is as 452 (69)", {.rcpt = "S: 552 too many\n"}, "deferred 552"},
      {"RCPT 552 with a status about the mailbox",
       {.rcpt = "S: 552 5.2.2 full\n"},
       "failed 552 5.2.2"},
      {"DATA 4xx", {.data = "S: 451 later\n"}, "deferred 451"},
      {"DATA 5xx", {.data = "S: 554 5.7.1 no\n"}, "failed 554 5.7.1"},
      {"DATA 2xx makes no sense, and delivers nothing", {.data = "S: 250 ok\n"}, "deferred 250"},
      {"DATA 421 (70)", {.data = "S: 421 closing\n"}, "deferred 421", "unreachable"},
      {"dot 4xx", {.dot = "S: 451 4.3.0 later\n"}, "deferred 451 4.3.0"},
      {"dot 5xx", {.dot = "S: 554 5.6.0 spam\n"}, "failed 554 5.6.0"},
      {"dot 3xx makes no sense", {.dot = "S: 354 more\n"}, "deferred 354"},
      {"dot 421", {.dot = "S: 421 closing\n"}, "deferred 421", "unreachable"},
      {"several lines", {.dot = "S: 250-2.0.0 taken\nS: 250 2.0.0 as 42\n"}, "delivered 250 2.0.0"},
  });
}

// Behaviour 67: nonsense is temporary, and bounded.
TEST(Delivery, DefersWhatNobodyUnderstands) {
  const std::string garbage = "S: hello there\n";
  const std::string long_line = "S: 250 " + std::string(5000, 'x') + "\n";
  std::string endless;
  for (int i = 0; i < 200; ++i) endless += "S: 250-and so on\n";
  for (const std::string& nonsense :
       {garbage, long_line, endless, std::string("S: 999 x\n"), std::string("S: 25\n"),
        std::string("S: 250-a\nS: 550 b\n")}) {
    SCOPED_TRACE(nonsense.substr(0, 30));
    expect_outcomes(
        {
            {"greeting", {.greeting = nonsense}, "-", "unreachable"},
            {"EHLO", {.ehlo = nonsense}, "-", "unreachable"},
            {"MAIL", {.mail = nonsense}, "deferred 451 4.4.2"},
            {"RCPT", {.rcpt = nonsense}, "deferred 451 4.4.2"},
            {"DATA", {.data = nonsense}, "deferred 451 4.4.2"},
            {"dot", {.dot = nonsense}, "deferred 451 4.4.2"},
        },
        Words::ours);
  }
}

// Whatever dies when: nothing is delivered until the 250 came, and nothing is lost.
TEST(Delivery, ThatBreaksAtAnyStepIsDeferredUntilThe250) {
  for (const std::string& end :
       {std::string("close\n"), std::string("hang\n"), std::string("raw 25\nclose\n"),
        std::string("raw 250-\\r\\n\nhang\n")}) {
    SCOPED_TRACE(end);
    expect_outcomes(
        {
            {"greeting", {.greeting = end}, "-", "unreachable"},
            {"EHLO", {.ehlo = end}, "-", "unreachable"},
            {"MAIL", {.mail = end}, "deferred 451 4.4.2"},
            {"RCPT", {.rcpt = end}, "deferred 451 4.4.2"},
            {"DATA", {.data = end}, "deferred 451 4.4.2"},
            {"content", {.data = "S: 354 go on\n" + end}, "deferred 451 4.4.2"},
            {"dot", {.dot = end}, "deferred 451 4.4.2"},
            {"behind the 250", {.dot = "S: 250 2.0.0 taken\n" + end}, "delivered 250 2.0.0"},
        },
        Words::ours);
  }
}

// RFC 3463: who reads the report learns what was in the way, and in whose words.
TEST(Delivery, TellsAHindranceByItsStatus) {
  const struct {
    const char* why;
    Replies replies;
    mail::EnhancedStatus status;
    bool is_answered;
  } rows[] = {
      {"as the hop said", {.greeting = "S: 421 4.7.28 too many\n"}, {4, 7, 28}, true},
      {"the hop gave none", {.greeting = "S: 421 busy\n"}, {4, 3, 2}, true},
      {"only for now", {.greeting = "S: 554 5.7.1 no\n"}, {4, 7, 1}, true},
      {"at MAIL", {.mail = "S: 421 4.3.2 closing\n"}, {4, 3, 2}, true},
      {"at the dot", {.dot = "S: 421 4.3.2 closing\n"}, {4, 3, 2}, true},
      {"it hung up", {.greeting = "close\n"}, {4, 4, 2}, false},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer server(bench.loop, {row.replies.script()});
    const auto report = bench.deliver({relayhost_at(server.port())});
    EXPECT_EQ(hindrance_name(report), "unreachable");
    EXPECT_EQ(report.hindrance_status, row.status);
    EXPECT_EQ(!report.remote.empty(), row.is_answered);
  }
  Bench bench;
  bench.be_impatient();
  const auto nobody = bench.deliver({relayhost_at(1)});
  EXPECT_EQ(nobody.hindrance_status, (mail::EnhancedStatus{4, 4, 1}));
  EXPECT_EQ(nobody.remote, "");
}

TEST(Delivery, SaysHeloToServersThatDoNotKnowEhlo) {
  Bench bench;
  FakeServer server(bench.loop,
                    {"S: 220 old.test\nC: EHLO client.test\nS: 502 what\nC: HELO client.test\n"
                     "S: 250 old.test\nC: MAIL FROM:<sender@here.test>\nS: 250 ok\n"
                     "C: RCPT TO:<one@there.test>\nS: 250 ok\nC: DATA\nS: 354 go\ncontent\n"
                     "S: 250 ok\n"});
  EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "delivered 250");
}

TEST(Delivery, SendsTheContentAsItIsWithItsDotsStuffed) {
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction});
  const std::string content = ".\r\n..a\r\nSubject: x\r\n\r\n.";
  const auto report = bench.deliver({relayhost_at(server.port())}, {"one@there.test"}, content);
  EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
  EXPECT_THAT(server.contents(), ElementsAre("..\r\n...a\r\nSubject: x\r\n\r\n..\r\n"));
}

TEST(Delivery, SendsALargeContentFromItsFile) {
  std::string content;
  std::string sent;
  for (int i = 0; content.size() < 300'000; ++i) {
    const std::string line = std::string(static_cast<std::size_t>(i % 70), '.') + "\r\n";
    content += line;
    sent += (i % 70 > 0 ? "." : "") + line;
  }
  std::FILE* file = std::tmpfile();
  std::fwrite(content.data(), 1, content.size(), file);
  std::fflush(file);
  frames::Lease lease = lease_of(content, {"one@there.test"});
  lease.content.clear();
  lease.file = net::Fd(::dup(::fileno(file)));
  std::fclose(file);
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction});
  lease.via = {relayhost_at(server.port())};
  EXPECT_EQ(outcome_text(bench.deliver(std::move(lease)), 0), "delivered 250 2.0.0");
  EXPECT_THAT(server.contents(), ElementsAre(sent));
}

TEST(Delivery, NeverConnectsForDamagedContent) {
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction});
  frames::Lease lease = lease_of("Subject: x\r\n", {"one@there.test"});
  lease.via = {relayhost_at(server.port())};
  lease.crc ^= 1;
  const auto report = bench.deliver(std::move(lease));
  EXPECT_EQ(hindrance_name(report), "damaged");
  EXPECT_THAT(report.outcomes, IsEmpty());
  EXPECT_EQ(server.connections(), 0U);
}

// Behaviours 20 and 21: nothing that another server could take for the end of the content.
TEST(Delivery, NeverSendsABareLineFeed) {
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction});
  const auto report = bench.deliver({relayhost_at(server.port())}, {"one@there.test"},
                                    "Subject: x\r\n\r\na\n.\r\nMAIL FROM:<>\r\n");
  EXPECT_EQ(outcome_text(report, 0), "failed 550 5.6.0");
  EXPECT_EQ(server.connections(), 0U);
}

// Behaviour 75.
TEST(Mail, HasOnlyTheParametersThatWereAnnounced) {
  struct Row {
    const char* why;
    std::vector<std::string> keywords;
    std::string content;
    std::string mail;
  };
  const std::vector<Row> rows = {
      {"nothing announced", {}, "abc\r\n", "MAIL FROM:<sender@here.test>"},
      {"SIZE without a limit", {"SIZE"}, "abc\r\n", "MAIL FROM:<sender@here.test> SIZE=5"},
      {"SIZE with one, lower case",
       {"size 1000"},
       "abc\r\n",
       "MAIL FROM:<sender@here.test> SIZE=5"},
      {"8BITMIME not needed", {"8BITMIME"}, "abc\r\n", "MAIL FROM:<sender@here.test>"},
      {"8BITMIME needed",
       {"8BITMIME", "SIZE 0"},
       "\xc3\xbc\r\n",
       "MAIL FROM:<sender@here.test> SIZE=4 BODY=8BITMIME"},
      {"unknown keywords", {"X-FOO bar", "DSN"}, "abc\r\n", "MAIL FROM:<sender@here.test>"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer server(bench.loop, {hello(row.keywords) + transaction});
    const auto report =
        bench.deliver({relayhost_at(server.port())}, {"one@there.test"}, row.content);
    EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
    ASSERT_GE(server.lines().size(), 2U);
    EXPECT_EQ(server.lines()[1], row.mail);
  }
}

TEST(Mail, OfABounceHasTheEmptyPath) {
  Bench bench;
  FakeServer server(
      bench.loop,
      {hello({}) +
       "C: MAIL FROM:<>\nS: 250 ok\nC: RCPT TO:<\"a b\"@there.test>\nS: 550 no\nC: RSET*"});
  frames::Lease lease = lease_of("x\r\n", {"\"a b\"@there.test"});
  lease.reverse_path.reset();
  lease.via = {relayhost_at(server.port())};
  EXPECT_EQ(outcome_text(bench.deliver(std::move(lease)), 0), "failed 550");
}

// Behaviours 72 and 73: unsuited for one host; another may take it, before it is given up.
TEST(AMessageThatAServerCannotTake, GoesToTheNextOrFails) {
  struct Row {
    const char* why;
    std::string keyword;
    std::string content;
    std::string outcome;
  };
  const std::vector<Row> rows = {
      {"too large", "SIZE 4", "abcde\r\n", "failed 552 5.3.4"},
      {"8-bit", "PIPELINING", "\xc3\xbc\r\n", "failed 554 5.6.3"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer unsuited(bench.loop,
                        {hello({row.keyword}) + goodbye, hello({row.keyword}) + goodbye});
    FakeServer suited(bench.loop, {hello({"SIZE 1000", "8BITMIME"}) + transaction});
    const auto first =
        bench.deliver({relayhost_at(unsuited.port())}, {"one@there.test"}, row.content);
    EXPECT_EQ(outcome_text(first, 0), row.outcome);
    EXPECT_THAT(unsuited.lines(), SizeIs(1)) << "only EHLO";
    const auto second = bench.deliver({relayhost_at(unsuited.port()), relayhost_at(suited.port())},
                                      {"one@there.test"}, row.content);
    EXPECT_EQ(outcome_text(second, 0), "delivered 250 2.0.0");
  }
}

}  // namespace
}  // namespace postern::delivery
