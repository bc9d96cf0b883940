#include "relaytest/returns.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

using testing::ElementsAre;
using What = Return::What;

const std::string secret(64, 'a');
const std::string plain = token_of("20261122-081530-4f2a", secret, "0-plain");
const std::string hidden = token_of("20261122-081530-4f2a", secret, "0-smuggle");
const std::string carrier = token_of("20261122-081530-4f2a", secret, "0-smuggle-carrier");
const std::string foreign = token_of("20261122-081530-4f2a", std::string(64, 'b'), "0-plain");
const system_clock::time_point now = system_clock::from_time_t(1795335330);

class Returns : public testing::Test {
 protected:
  Returns() {
    Door door;
    door.probes.resize(2);
    door.probes[0].token = plain;
    door.probes[1].kind = Kind::smuggling;
    door.probes[1].token = hidden;
    door.probes[1].carrier_token = carrier;
    run_.doors = {Door(), door};
  }

  bool note(const std::string& content) {
    CaughtMessage message;
    message.content = content;
    message.reverse_path = "tester@us.example";
    message.peer = mail::IpAddress::from_string("192.0.2.7");
    return note_return(run_, message, now);
  }

  std::vector<Return>& returns_of(std::size_t i) { return run_.doors[1].probes[i].returns; }

  relaytest::Run run_;
};

std::string relayed(const std::string& token, const std::string& more = "") {
  return fmt::format(
      "Received: from relay.example (relay.example [192.0.2.7])\r\n\tby catch.invalid;\r\n Sun, 22 "
      "Nov 2026\r\nReceived: from us.example by relay.example\r\n{}X-Postern-Relay-Test: "
      "{}\r\nSubject: a test\r\n\r\nbody\r\n",
      more, token);
}

std::string upper_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string report(const std::string& action, const std::string& token,
                   const std::string& status = "5.0.0") {
  return fmt::format(
      "From: MAILER-DAEMON@relay.example\r\nContent-Type: multipart/report; "
      "report-type=delivery-status; boundary=b\r\n\r\n--b\r\nContent-Type: "
      "message/delivery-status\r\n\r\nReporting-MTA: dns; relay.example\r\n\r\nStatus: "
      "{}\r\nAction: {}\r\n\r\n--b\r\nContent-Type: "
      "message/rfc822\r\n\r\nX-Postern-Relay-Test: {}\r\n\r\nbody\r\n--b--\r\n",
      status, action, token);
}

TEST_F(Returns, KeepTheWayThatARelayedMessageTook) {
  EXPECT_TRUE(note(relayed(plain)));
  ASSERT_EQ(returns_of(0).size(), 1U);
  const Return& it = returns_of(0)[0];
  EXPECT_EQ(it.what, What::relayed);
  EXPECT_FALSE(it.is_carrier);
  EXPECT_EQ(it.at, now);
  EXPECT_EQ(it.peer, "192.0.2.7");
  EXPECT_EQ(it.reverse_path, "tester@us.example");
  EXPECT_THAT(it.received, ElementsAre("from relay.example (relay.example [192.0.2.7])\tby "
                                       "catch.invalid; Sun, 22 Nov 2026",
                                       "from us.example by relay.example"));
  EXPECT_THAT(it.head, testing::EndsWith("Subject: a test\r\n"));
  EXPECT_TRUE(returns_of(1).empty());
}

TEST_F(Returns, AreToldFromReportsAndAnswers) {
  const struct {
    const char* why;
    std::string content;
    What what;
  } rows[] = {
      {"the field", relayed(plain), What::relayed},
      {"upper case", "x-POSTERN-relay-test: " + upper_case(plain) + "\r\n\r\nbody", What::relayed},
      {"folded", "X-Postern-Relay-Test:\r\n " + plain + "\r\n\r\nbody", What::relayed},
      {"Message-ID alone", "Message-ID: <" + plain + "@us.example>\r\n\r\nbody", What::relayed},
      {"no body", "Message-ID: <" + plain + "@us.example>\r\n", What::relayed},
      {"lines as a maildir has them", "Subject: x\nX-Postern-Relay-Test: " + plain + "\n\nbody\n",
       What::relayed},
      {"behind the first line of a mailbox file",
       "From us Sun Nov 22\nX-Postern-Relay-Test: " + plain + "\n\nbody\n", What::relayed},
      {"a stray CR", "Subject: a\rb\r\nX-Postern-Relay-Test: " + plain + "\r\n\r\n", What::relayed},
      {"8-bit header", "Subject: \xff\r\nX-Postern-Relay-Test: " + plain + "\r\n\r\n",
       What::relayed},
      {"given up", report("failed", plain), What::bounced},
      {"given up, with the case of others", report("Failed (mailbox unknown)", plain),
       What::bounced},
      {"it was to be passed on, and nobody was found there", report("failed", plain, "5.4.4"),
       What::answered},
      {"it was to be passed on, for days", report("failed", plain, "4.4.7"), What::answered},
      {"it came back to the server itself", report("failed", plain, "5.4.6"), What::bounced},
      {"refused", report("failed", plain, "5.1.1"), What::bounced},
      {"of two recipients one was refused",
       report("failed", plain, "5.4.4") + "\r\nAction: failed\r\nStatus: 5.7.1\r\n", What::bounced},
      {"delayed: it may still come", report("delayed", plain), What::answered},
      {"relayed to a server that sends no reports", report("relayed", plain), What::answered},
      {"a report that copied our field into its own header",
       "X-Postern-Relay-Test: " + plain + "\r\n" + report("failed", plain), What::bounced},
      {"qmail's bounces are no reports, and look like its warnings",
       "From: MAILER-DAEMON@q.example\r\nSubject: failure notice\r\n\r\nMessage-ID: <" + plain +
           "@us.example>\r\n",
       What::answered},
      {"Exim's neither",
       "From: Mail Delivery System <x@e.example>\r\nX-Failed-Recipients: u@d\r\n\r\n" + plain,
       What::bounced},
      {"in reply to it",
       "In-Reply-To: <" + plain + "@us.example>\r\nSubject: away\r\n\r\nI am away", What::answered},
      {"with its subject", "Subject: Re: test " + plain + "\r\n\r\nTicket 12", What::answered},
      {"forwarded as an attachment",
       "Content-Type: message/rfc822\r\n\r\nX-Postern-Relay-Test: " + plain + "\r\n\r\nbody",
       What::answered},
      {"quoted-printable broke it in two",
       "Subject: Re\r\n\r\n" + plain.substr(0, 30) + "=\r\n" + plain.substr(30), What::answered},
      {"no header that can be read", "no field\r\nX-Postern-Relay-Test: " + plain + "\r\n\r\n",
       What::answered},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    returns_of(0).clear();
    EXPECT_TRUE(note(row.content));
    ASSERT_EQ(returns_of(0).size(), 1U);
    EXPECT_EQ(returns_of(0)[0].what, row.what);
  }
}

TEST_F(Returns, AreOfTheMessageWhoseTokenStandsInTheHeader) {
  EXPECT_TRUE(note(relayed(carrier) + "\n.\nX-Postern-Relay-Test: " + hidden + "\n\nhidden\n"));
  EXPECT_TRUE(note(relayed(hidden)));
  EXPECT_TRUE(note(report("failed", carrier) + hidden));
  ASSERT_EQ(returns_of(1).size(), 3U);
  EXPECT_TRUE(returns_of(1)[0].is_carrier);
  EXPECT_EQ(returns_of(1)[0].what, What::relayed);
  EXPECT_FALSE(returns_of(1)[1].is_carrier);
  EXPECT_TRUE(returns_of(1)[2].is_carrier);
  EXPECT_EQ(returns_of(1)[2].what, What::bounced);
}

TEST_F(Returns, AreNotForged) {
  std::string one_digit_off = plain;
  one_digit_off.back() = one_digit_off.back() == '0' ? '1' : '0';
  for (const std::string& token :
       {foreign, one_digit_off, std::string(), std::string("x"),
        token_of("20261122-081530-0000", secret, "0-plain"), plain.substr(0, plain.rfind('.'))}) {
    SCOPED_TRACE(token);
    EXPECT_FALSE(note(relayed(token)));
    EXPECT_FALSE(note(report("failed", token)));
  }
  EXPECT_FALSE(note(""));
  EXPECT_TRUE(returns_of(0).empty());
  EXPECT_TRUE(returns_of(1).empty());
}

TEST_F(Returns, CountTheSameMessageOnce) {
  EXPECT_TRUE(note(relayed(plain)));
  EXPECT_TRUE(note(relayed(plain)));
  EXPECT_EQ(returns_of(0).size(), 1U);
  EXPECT_TRUE(note(relayed(plain, "Received: by another way\r\n")));
  EXPECT_EQ(returns_of(0).size(), 2U);
}

TEST_F(Returns, LearnFromTheRestOfAMessageThatWasSeenHalf) {
  const std::string whole = report("failed", plain);
  const std::string half = "Subject: " + plain + "\r\n" + whole.substr(0, whole.find("Action"));
  EXPECT_TRUE(note(half));
  EXPECT_EQ(returns_of(0)[0].what, What::answered);
  EXPECT_TRUE(note("Subject: " + plain + "\r\n" + whole));
  ASSERT_EQ(returns_of(0).size(), 1U);
  EXPECT_EQ(returns_of(0)[0].what, What::bounced);
}

TEST_F(Returns, AreBounded) {
  const std::string field = "Received: " + std::string(900, 'x') + "\r\n";
  std::string many;
  for (int i = 0; i < 100; ++i) many += field;
  EXPECT_TRUE(note("X-Postern-Relay-Test: " + plain + "\r\n" + many + "\r\n"));
  EXPECT_EQ(returns_of(0)[0].head.size(), max_returned_head);
  EXPECT_EQ(returns_of(0)[0].received.size(), 17U);

  for (int i = 0; i < 50; ++i) EXPECT_TRUE(note(fmt::format("Subject: {}\r\n\r\n{}", i, plain)));
  EXPECT_EQ(returns_of(0).size(), max_returns);
}

TEST_F(Returns, LetProofTakeThePlaceOfChatter) {
  for (std::size_t i = 0; i < max_returns; ++i)
    EXPECT_TRUE(note(fmt::format("Subject: {}\r\n\r\n{}", i, plain)));
  EXPECT_TRUE(note(relayed(plain)));
  EXPECT_EQ(returns_of(0).size(), max_returns);
  EXPECT_TRUE(std::ranges::any_of(returns_of(0),
                                  [](const Return& it) { return it.what == What::relayed; }));
}

TEST_F(Returns, KeepValidUtf8) {
  EXPECT_TRUE(note("Subject: \xff\xc3\xa9\x1b\r\nX-Postern-Relay-Test: " + plain + "\r\n\r\n"));
  EXPECT_THAT(returns_of(0)[0].head, testing::StartsWith("Subject: \xef\xbf\xbd\xc3\xa9\x1b\r\n"));
}

TEST(ReturnPath, IsWhatAMailboxKeepsOfTheEnvelope) {
  EXPECT_EQ(return_path_of("Return-Path: <a@b.example>\nSubject: x\n\n"), "a@b.example");
  EXPECT_EQ(return_path_of("Return-Path: <>\r\n\r\n"), "");
  EXPECT_EQ(return_path_of("Subject: x\n\nReturn-Path: <a@b.example>\n"), "");
}

TEST_F(Returns, EndNoWaitingByABounceThatMayBeAboutAnotherRecipient) {
  run_.doors[1].probes[0].trick = "two-recipients";
  EXPECT_TRUE(note(report("failed", plain, "5.1.1")));
  ASSERT_EQ(returns_of(0).size(), 1U);
  EXPECT_EQ(returns_of(0)[0].what, What::answered);
}

}  // namespace
}  // namespace postern::relaytest
