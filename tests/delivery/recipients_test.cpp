// Transactions with several recipients, and how they are pipelined.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/bench.h"
#include "net/channel.h"

namespace postern::delivery {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const std::vector<std::string> three = {"a@there.test", "b@there.test", "c@there.test"};

std::string three_recipients(const std::vector<std::string>& replies) {
  std::string script =
      "C: MAIL FROM:*\nC: RCPT TO:<a@*\nC: RCPT TO:<b@*\nC: RCPT TO:<c@*\nC: DATA\nS: 250 ok\n";
  for (const auto& reply : replies) script += "S: " + reply + '\n';
  return script;
}

std::vector<std::string> outcomes_of(const frames::Report& report, std::uint32_t count) {
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < count; ++i) texts.push_back(outcome_text(report, i));
  return texts;
}

// Behaviour 68, with PIPELINING (RFC 2920).
TEST(Recipients, AreDecidedEachForItself) {
  struct Row {
    const char* why;
    std::vector<std::string> replies;  // to three RCPT and DATA
    std::string rest;
    std::vector<std::string> outcomes;
  };
  const std::string dot = "content\nS: 250 taken\n";
  const std::vector<Row> rows = {
      {"all",
       {"250 ok", "250 ok", "250 ok", "354 go"},
       dot,
       {"delivered 250", "delivered 250", "delivered 250"}},
      {"mixed",
       {"550 5.1.1 no", "250 ok", "450 later", "354 go"},
       dot,
       {"failed 550 5.1.1", "delivered 250", "deferred 450"}},
      {"DATA refused concerns those who were accepted",
       {"550 no", "250 ok", "450 later", "451 not now"},
       "",
       {"failed 550", "deferred 451", "deferred 450"}},
      {"the dot refused too",
       {"550 no", "250 ok", "450 later", "354 go"},
       "content\nS: 554 spam\n",
       {"failed 550", "failed 554", "deferred 450"}},
      {"none, and DATA says so",
       {"550 no", "551 no", "450 later", "503 no recipients"},
       "",
       {"failed 550", "failed 551", "deferred 450"}},
      {"none, and DATA goes on: a lone dot (71)",
       {"550 no", "551 no", "450 later", "354 go"},
       "C: .\nS: 250 taken nothing\n",
       {"failed 550", "failed 551", "deferred 450"}},
      {"421 in the middle (70)",
       {"250 ok", "421 closing"},
       "close\n",
       {"deferred 421", "deferred 421", "deferred 421"}},
      {"421 behind a refusal (70)",
       {"550 no", "421 closing"},
       "close\n",
       {"failed 550", "deferred 421", "deferred 421"}},
      {"broken behind a refusal",
       {"550 no"},
       "close\n",
       {"failed 550", "deferred 451 4.4.2", "deferred 451 4.4.2"}},
      {"broken at the dot",
       {"550 no", "250 ok", "450 later", "354 go"},
       "content\nclose\n",
       {"failed 550", "deferred 451 4.4.2", "deferred 450"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer server(bench.loop,
                      {hello({"PIPELINING"}) + three_recipients(row.replies) + row.rest});
    const auto report = bench.deliver({relayhost_at(server.port())}, three);
    EXPECT_EQ(outcomes_of(report, 3), row.outcomes);
    const bool is_closing = row.replies.back().starts_with("421");
    EXPECT_EQ(hindrance_name(report), is_closing ? "unreachable" : "none");
  }
}

TEST(Recipients, AllShareTheRefusalOfMail) {
  Bench bench;
  FakeServer server(
      bench.loop,
      {hello({"PIPELINING"}) +
       "C: MAIL FROM:*\nC: RCPT*\nC: RCPT*\nC: RCPT*\nC: DATA\nS: 550 5.7.1 no\n"
       "S: 503 first MAIL\nS: 503 first MAIL\nS: 503 first MAIL\nS: 354 go\nC: .\nS: 250 ok\n"});
  const auto report = bench.deliver({relayhost_at(server.port())}, three);
  EXPECT_THAT(outcomes_of(report, 3), testing::Each("failed 550 5.7.1"));
}

// Behaviour 69: the rest in another transaction, at once.
TEST(Recipients, ThatAreTooManyFollowInTheNextTransaction) {
  for (const std::string& too_many :
       {std::string("452 4.5.3 too many"), std::string("552 too many")}) {
    SCOPED_TRACE(too_many);
    Bench bench;
    FakeServer server(
        bench.loop,
        {hello({"PIPELINING"}) + three_recipients({"250 ok", too_many, too_many, "354 go"}) +
         "content\nS: 250 first\nC: MAIL FROM:*\nC: RCPT TO:<b@*\nC: RCPT TO:<c@*\nC: DATA\n"
         "S: 250 ok\nS: 250 ok\nS: " +
         too_many +
         "\nS: 354 go\ncontent\nS: 251 second\n"
         "C: MAIL FROM:*\nC: RCPT TO:<c@*\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
         "content\nS: 252 third\n"});
    const auto report = bench.deliver({relayhost_at(server.port())}, three);
    EXPECT_THAT(outcomes_of(report, 3),
                ElementsAre("delivered 250", "delivered 251", "delivered 252"));
  }
}

TEST(Recipients, ThatAreTooManyWaitWhereNothingWasDelivered) {
  Bench bench;
  FakeServer server(bench.loop, {hello({"PIPELINING"}) +
                                 three_recipients({"250 ok", "452 too many", "550 no", "354 go"}) +
                                 "content\nS: 451 later\n"});
  const auto report = bench.deliver({relayhost_at(server.port())}, three);
  EXPECT_THAT(outcomes_of(report, 3), ElementsAre("deferred 451", "deferred 452", "failed 550"));
}

TEST(Recipients, OfWhomThereAreManyGoInGroups) {
  constexpr std::size_t count = 2 * max_pipelined + 7;
  std::vector<std::string> many;
  std::string script = hello({"PIPELINING"}) + "C: MAIL FROM:*\nS: 250 ok\n";
  for (std::size_t i = 0; i < count; ++i) {
    many.push_back("r" + std::to_string(i) + "@there.test");
    script += "C: RCPT TO:<r" + std::to_string(i) + "@*\nS: 250 ok\n";
  }
  Bench bench;
  FakeServer server(bench.loop, {script + "C: DATA\nS: 354 go\ncontent\nS: 250 taken\n"});
  const auto report = bench.deliver({relayhost_at(server.port())}, many);
  EXPECT_THAT(outcomes_of(report, count), testing::Each("delivered 250"));
}

// A thousand long replies must still fit the frame of a report.
TEST(Report, FitsItsFrameWhateverTheServerSays) {
  std::vector<std::string> many;
  std::string script = hello({"PIPELINING"}) + "C: MAIL FROM:*\nS: 250 ok\n";
  for (int i = 0; i < 1000; ++i) {
    many.push_back("r" + std::to_string(i) + "@there.test");
    script += "C: RCPT TO:*\n";
    for (int line = 0; line < 4; ++line)
      script += "S: 550" + std::string(line < 3 ? "-" : " ") + std::string(400, 'x') + "\n";
  }
  Bench bench;
  FakeServer server(bench.loop, {script + "C: DATA\nS: 503 no\n"});
  const frames::Report report = bench.deliver({relayhost_at(server.port())}, many);
  ASSERT_THAT(report.outcomes, SizeIs(1000));
  EXPECT_LT(net::encode(frames::DeliveryToQueue(report)).size(), net::max_frame);
}

// With PIPELINING: MAIL, RCPT and DATA in one write; and the content with its final dot in another.
TEST(Pipelining, MakesTwoWritesOfATransaction) {
  Bench bench;
  FakeServer server(bench.loop,
                    {hello({"PIPELINING"}) +
                     "C: MAIL FROM:*\nC: RCPT TO:*\nC: DATA\nS: 250 ok\nS: 250 ok\nS: 354 go\n"
                     "content\nS: 250 ok\n"});
  EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "delivered 250");
  ASSERT_THAT(server.reads(), SizeIs(4));
  EXPECT_EQ(server.reads()[1], server.reads()[3]);
}

}  // namespace
}  // namespace postern::delivery
