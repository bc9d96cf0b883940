#include "relaytest/conversation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "certificate.h"
#include "delivery/fake_server.h"
#include "relaytest/planned_run.h"
#include "relaytest/prober.h"

namespace postern::relaytest {
namespace {

using delivery::FakeServer;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Who = Line::Who;

const std::string ehlo = delivery::hello({"SIZE"});
const std::string tls_ehlo = delivery::hello({"SIZE", "STARTTLS"});
const std::string ehlo_again = "C: EHLO client.test\nS: 250-mx.test\nS: 250 SIZE\n";
const std::string mail_and_rcpt = "C: MAIL FROM:*\nS: 250 ok\nC: RCPT TO:*\nS: 250 ok\n";
const std::string content = "C: DATA\nS: 354 go\ncontent\nS: 250 2.0.0 queued\n";
const std::string quit = "C: QUIT\nS: 221 bye\n";

class Conversing : public testing::Test {
 protected:
  Conversing() {
    ::signal(SIGPIPE, SIG_IGN);  // as in the program: OpenSSL writes without MSG_NOSIGNAL
    run_.us = "client.test";
    run_.doors.resize(1);
    door().address = net::asio::ip::address_v4::loopback();
    plan_probes(run_, {});
  }

  Door& door() { return run_.doors.front(); }

  /// One try of a trick at a server that plays `script`.
  Attempt converse(const std::string& trick, const std::string& script, bool with_tls = false) {
    net::asio::io_context loop{1};
    FakeServer server(loop, {script}, server_tls_);
    door().port = server.port();
    Attempt attempt;
    net::Nursery nursery(loop.get_executor());
    nursery.start(hold(trick, with_tls, attempt));
    while (nursery.size() > 0 && loop.run_one_for(std::chrono::seconds(20)) > 0) continue;
    contents_ = server.contents();
    lines_ = server.lines();
    return attempt;
  }

  net::Task<> hold(std::string name, bool with_tls, Attempt& attempt) {
    const auto probe = std::ranges::find(door().probes, name, &ProbeResult::trick);
    const Script script = script_of(run_, door(), *probe, *find_trick(name), system_clock::now());
    Conversation conversation(script, door(), run_.server, tls_, patience_, *probe, with_tls);
    attempt = co_await conversation.hold();
  }

  static std::vector<std::string> said(const Attempt& attempt, Who who) {
    std::vector<std::string> texts;
    for (const Line& line : attempt.probe.transcript) {
      if (line.who == who) texts.push_back(line.text);
    }
    return texts;
  }

  relaytest::Run run_ = run_without_probes();
  tests::Certificate certificate_{"DNS:mx.test"};
  net::SslContext server_tls_ = *net::server_tls(certificate_.pem(), certificate_.key_pem());
  net::SslContext tls_ = undemanding_client_tls();
  Patience patience_{milliseconds(15'000), milliseconds(60'000), milliseconds(50)};
  std::vector<std::string> contents_;
  std::vector<std::string> lines_;
};

TEST_F(Conversing, HandsOverAWholeMessage) {
  const Attempt attempt = converse("plain", ehlo + mail_and_rcpt + content + quit);
  const ProbeResult& probe = attempt.probe;
  EXPECT_EQ(probe.outcome, Outcome::accepted);
  EXPECT_EQ(probe.step, "content");
  EXPECT_EQ(probe.reply, "250 2.0.0 queued");
  EXPECT_TRUE(probe.has_recipient_accepted);
  EXPECT_TRUE(attempt.has_greeted);
  EXPECT_EQ(attempt.greeting, "220 mx.test ESMTP");
  EXPECT_EQ(probe.tls, "");
  EXPECT_THAT(lines_, ElementsAre("EHLO client.test", "MAIL FROM:<bounces@tester.test>",
                                  "RCPT TO:<probe@tester.test>", "DATA", "QUIT"));
  ASSERT_EQ(contents_.size(), 1U);
  EXPECT_THAT(contents_[0], HasSubstr("\r\nX-Postern-Relay-Test: " + probe.token + "\r\n"));
  const auto ours = said(attempt, Who::client);
  EXPECT_THAT(ours, Contains("X-Postern-Relay-Test: " + probe.token));
  EXPECT_EQ(ours.back(), "QUIT");
  EXPECT_EQ(said(attempt, Who::server).back(), "221 bye");
}

// What each step is answered with, what the outcome is then. Content is sent only to who has taken the recipient.
TEST_F(Conversing, EndsWhereTheServerSaysNo) {
  struct Row {
    const char* why;
    std::string script;
    std::string step;
    std::string trick = "plain";
  };
  const Row rows[] = {
      {"in the greeting", "S: % CODE", "greeting"},
      {"to HELO", "S: 220 mx\nC: HELO*\nS: % CODE", "HELO", "helo"},
      {"to MAIL", ehlo + "C: MAIL*\nS: % CODE", "MAIL"},
      {"to RCPT", ehlo + "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: % CODE", "RCPT"},
      {"to DATA", ehlo + mail_and_rcpt + "C: DATA\nS: % CODE", "DATA"},
      {"to the content", ehlo + mail_and_rcpt + "C: DATA\nS: 354 go\ncontent\nS: % CODE",
       "content"},
  };
  const std::pair<std::string, Outcome> codes[] = {{"554 5.7.1", Outcome::refused},
                                                   {"451 4.7.1", Outcome::deferred},
                                                   {"421 4.7.0", Outcome::deferred}};
  for (const Row& row : rows) {
    for (const auto& [code, outcome] : codes) {
      SCOPED_TRACE(row.why + (' ' + code));
      std::string script = row.script;
      for (std::size_t i; (i = script.find('%')) != script.npos;) script.replace(i, 1, code);
      const Attempt attempt = converse(row.trick, script + '\n' + quit);
      EXPECT_EQ(attempt.probe.outcome, outcome);
      EXPECT_EQ(attempt.probe.step, row.step);
      EXPECT_EQ(attempt.probe.reply, code + " CODE");
      EXPECT_TRUE(attempt.has_greeted);  // who refuses to talk is there all the same
      EXPECT_EQ(attempt.farewell, code.starts_with("421") ? code + " CODE" : "");
      EXPECT_EQ(attempt.probe.has_recipient_accepted, row.step == "DATA" || row.step == "content");
      EXPECT_EQ(contents_.empty(), row.step != "content");
      EXPECT_FALSE(attempt.insists_on_tls);
      EXPECT_EQ(lines_.empty() || lines_.back() != "QUIT", code.starts_with("421"));
    }
  }
}

const std::pair<const char*, std::string> steps[] = {
    {"greeting", ""},
    {"EHLO", "S: 220 mx\nC: EHLO*\n"},
    {"MAIL", ehlo + "C: MAIL*\n"},
    {"RCPT", ehlo + "C: MAIL*\nS: 250 ok\nC: RCPT*\n"},
    {"DATA", ehlo + mail_and_rcpt + "C: DATA\n"},
    {"content", ehlo + mail_and_rcpt + "C: DATA\nS: 354 go\ncontent\n"},
};

TEST_F(Conversing, IsBrokenOffByWhoeverHangsUpWithoutAWord) {
  for (const auto& [step, script] : steps) {
    SCOPED_TRACE(step);
    const Attempt attempt = converse("plain", script + "close");
    EXPECT_EQ(attempt.probe.outcome, Outcome::broken_off);
    EXPECT_EQ(attempt.probe.step, step);
    EXPECT_FALSE(said(attempt, Who::note).empty());
  }
}

// Of one whose rudeness is in the recipient: before it, to hang up means something else; behind it, the message may be taken.
TEST_F(Conversing, ARefusalToTheRudeNeedsNoWords) {
  for (const auto& [step, script] : steps) {
    SCOPED_TRACE(step);
    const Attempt attempt = converse("control-nul", script + "close");
    const bool is_answer = step == std::string("MAIL") || step == std::string("RCPT");
    EXPECT_EQ(attempt.probe.outcome, is_answer ? Outcome::refused : Outcome::broken_off);
  }
  for (const auto& [step, script] : steps) {
    SCOPED_TRACE(step);
    const Attempt attempt =
        converse("proxy-v1", (script.empty() ? "" : "something\n" + script) + "close");
    const bool is_taken = step == std::string("DATA") || step == std::string("content");
    EXPECT_EQ(attempt.probe.outcome, is_taken ? Outcome::broken_off : Outcome::refused);
  }
}

TEST_F(Conversing, AsksForStarttlsBeforeItForgetsHowToSayEhlo) {
  const std::string encrypted = tls_ehlo + "C: STARTTLS\nS: 220 go\ntls\n";
  const std::string rest = mail_and_rcpt + content + quit;
  EXPECT_EQ(
      converse("helo", encrypted + "C: HELO client.test\nS: 250 mx\n" + rest, true).probe.outcome,
      Outcome::accepted);
  EXPECT_EQ(converse("no-hello", encrypted + rest, true).probe.outcome, Outcome::accepted);
}

TEST_F(Conversing, WaitsForNobodyWhoSaysNothing) {
  patience_.reply = milliseconds(100);
  for (const auto& [step, script] : steps) {
    SCOPED_TRACE(step);
    const Attempt attempt = converse("plain", script + "hang");
    EXPECT_EQ(attempt.probe.outcome, Outcome::no_answer);
    EXPECT_EQ(attempt.probe.step, step);
  }
}

TEST_F(Conversing, IsOverAfterItsLimitHoweverPatientItIs) {
  patience_ = {milliseconds(15'000), milliseconds(150), milliseconds(50)};
  const auto begun = net::Clock::now();
  EXPECT_EQ(converse("plain", ehlo + "C: MAIL*\nhang").probe.outcome, Outcome::no_answer);
  EXPECT_LT(net::Clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(Conversing, BelievesNothingThatIsNoSmtp) {
  std::string endless;
  for (int i = 0; i < 1000; ++i) endless += "S: 250-and so on\n";
  const std::pair<const char*, std::string> rows[] = {
      {"words", "S: HTTP/1.1 400 Bad Request"},
      {"no code", "S: 2 ok"},
      {"a code that is none", "S: 999 ok"},
      {"a reply without an end", endless},
      {"a line without an end", "raw 250 " + std::string(2'000'000, 'x')},
      {"codes that change", "S: 250-ok\nS: 354 go"},
  };
  for (const auto& [why, reply] : rows) {
    SCOPED_TRACE(why);
    const Attempt attempt = converse("plain", ehlo + "C: MAIL*\n" + reply + "\nhang");
    EXPECT_EQ(attempt.probe.outcome, Outcome::broken_off);
    EXPECT_EQ(attempt.probe.step, "MAIL");
    EXPECT_LE(attempt.probe.transcript.size(), max_transcript_lines);
  }
}

TEST_F(Conversing, SaysHeloToWhoKnowsNoEhlo) {
  const Attempt attempt = converse(
      "plain", "S: 220 mx\nC: EHLO client.test\nS: 500 what?\nC: HELO client.test\nS: 250 mx\n" +
                   mail_and_rcpt + content + quit);
  EXPECT_EQ(attempt.probe.outcome, Outcome::accepted);
}

TEST_F(Conversing, CanDoWithoutAnyHello) {
  EXPECT_EQ(converse("no-hello", "S: 220 mx\n" + mail_and_rcpt + content + quit).probe.outcome,
            Outcome::accepted);
}

// ── TLS ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_F(Conversing, EncryptsWhereTheTrickWantsIt) {
  const std::string starttls = "C: STARTTLS\nS: 220 go\ntls\n";
  const Attempt attempt =
      converse("tls", tls_ehlo + starttls + ehlo_again + mail_and_rcpt + content + quit);
  EXPECT_EQ(attempt.probe.outcome, Outcome::accepted);
  EXPECT_THAT(attempt.probe.tls, HasSubstr("TLSv1."));
  EXPECT_THAT(said(attempt, Who::note), Contains(attempt.probe.tls));
}

TEST_F(Conversing, IsNotTriedWhereThereIsNoTls) {
  EXPECT_EQ(converse("tls", ehlo + quit).probe.outcome, Outcome::not_offered);
  EXPECT_EQ(converse("tls", tls_ehlo + "C: STARTTLS\nS: 502 no\n" + quit).probe.outcome,
            Outcome::not_offered);
}

TEST_F(Conversing, EncryptsFromTheFirstOctetWhereTheDoorWantsIt) {
  door().tls = Door::Tls::implicit;
  const Attempt attempt = converse("plain", "tls\n" + ehlo + mail_and_rcpt + content + quit);
  EXPECT_EQ(attempt.probe.outcome, Outcome::accepted);
  EXPECT_THAT(attempt.probe.tls, HasSubstr("TLSv1."));
  EXPECT_EQ(converse("tls", "tls\n" + tls_ehlo + quit).probe.outcome, Outcome::not_offered)
      << "encrypted twice is not a trick";
}

TEST_F(Conversing, NotesWhoInsistsOnTls) {
  for (const std::string step : {"C: MAIL*\n", "C: MAIL*\nS: 250 ok\nC: RCPT*\n"}) {
    SCOPED_TRACE(step);
    const std::string refusal = step + "S: 530 5.7.0 Must issue a STARTTLS command first\n" + quit;
    const Attempt offered = converse("plain", tls_ehlo + refusal);
    EXPECT_TRUE(offered.insists_on_tls);
    EXPECT_EQ(offered.probe.outcome, Outcome::refused);
    EXPECT_FALSE(converse("plain", ehlo + refusal).insists_on_tls)
        << "without an offer it is a refusal";
    const std::string encrypted = tls_ehlo + "C: STARTTLS\nS: 220 go\ntls\n" + ehlo_again;
    EXPECT_FALSE(converse("plain", encrypted + refusal, true).insists_on_tls) << "it is encrypted";
  }
}

TEST_F(Conversing, SeesThatClearCommandsWereRunUnderTls) {
  const std::string before = tls_ehlo + "C: STARTTLS\nC: NOOP\nS: 220 go\n";
  const std::string after = ehlo_again + "C: MAIL*\nS: 550 no\n" + quit;
  const Attempt safe = converse("tls-injection", before + "tls\n" + after);
  EXPECT_EQ(safe.probe.outcome, Outcome::refused);
  EXPECT_THAT(said(safe, Who::note), Not(Contains(HasSubstr("sent in clear"))));
  const Attempt fooled = converse("tls-injection", before + "tls\nS: 250 ok\n" + after);
  EXPECT_EQ(fooled.probe.step, "MAIL");
  EXPECT_THAT(said(fooled, Who::note), Contains(HasSubstr("sent in clear")));
}

// ── claims ───────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_F(Conversing, AnswersOnlyWhatAuthAsks) {
  const std::string end = mail_and_rcpt + content + quit;
  EXPECT_EQ(converse("auth-login-wrong", ehlo +
                                             "C: AUTH LOGIN\nS: 334 VXNlcjo=\nC: cG9z*\nS: 334 "
                                             "UGFzczo=\nC: d3Jvbmc=\nS: 535 no\n" +
                                             end)
                .probe.outcome,
            Outcome::accepted);
  EXPECT_EQ(
      converse("auth-login-wrong", ehlo + "C: AUTH LOGIN\nS: 503 not here\n" + end).probe.outcome,
      Outcome::accepted);
  EXPECT_EQ(converse("auth-external",
                     ehlo + "C: AUTH EXTERNAL =\nS: 334 more\nC: *\nS: 501 cancelled\n" + end)
                .probe.outcome,
            Outcome::accepted)
      << "what is asked beyond is cancelled";
}

TEST_F(Conversing, ClaimsWhatItIsNotAndNamesItselfAgain) {
  const Attempt attempt =
      converse("xclient", ehlo + "C: XCLIENT NAME=localhost ADDR=127.0.0.1\nS: 220 mx\n" +
                              ehlo_again + mail_and_rcpt + content + quit);
  EXPECT_EQ(attempt.probe.outcome, Outcome::accepted);
}

TEST_F(Conversing, StaysInStepWithWhoTakesThePrefaceForCommands) {
  const Attempt attempt = converse(
      "proxy-v1",
      "something\nS: 220 mx\nS: 500 what?\nC: EHLO*\nS: 250 mx\nC: MAIL*\nS: 550 no\n" + quit);
  EXPECT_EQ(attempt.probe.outcome, Outcome::refused);
  EXPECT_EQ(attempt.probe.step, "MAIL");
  EXPECT_EQ(said(attempt, Who::client).front(), "PROXY TCP4 127.0.0.1 127.0.0.1 40000 25");
}

// ── recipients and content ───────────────────────────────────────────────────────────────────────────────────────────

TEST_F(Conversing, TheOtherRecipientDecidesNothing) {
  const Attempt ours_refused =
      converse("two-recipients", ehlo +
                                     "C: MAIL*\nS: 250 ok\nC: RCPT TO:<postern*\nS: 250 ok\nC: "
                                     "RCPT TO:<probe@*\nS: 550 no\n" +
                                     quit);
  EXPECT_EQ(ours_refused.probe.outcome, Outcome::refused);
  const Attempt other_refused =
      converse("two-recipients", ehlo +
                                     "C: MAIL*\nS: 250 ok\nC: RCPT TO:<postern*\nS: 550 no\nC: "
                                     "RCPT TO:<probe@*\nS: 250 ok\n" +
                                     content + quit);
  EXPECT_EQ(other_refused.probe.outcome, Outcome::accepted);
}

TEST_F(Conversing, TheLastReplyDecidesWhereOneLineWasReadAsTwo) {
  const Attempt attempt =
      converse("bare-lf-command", ehlo +
                                      "C: MAIL*\nS: 250 ok\nC: RCPT TO:<postern*\nS: 501 what?\nC: "
                                      "RCPT TO:<probe*\nS: 250 ok\n" +
                                      content + quit);
  EXPECT_EQ(attempt.probe.outcome, Outcome::accepted);
}

TEST_F(Conversing, SendsInOnePieceWithBdat) {
  const Attempt none = converse("bdat", ehlo + quit);
  EXPECT_EQ(none.probe.outcome, Outcome::not_offered);
  const Attempt attempt = converse(
      "bdat", delivery::hello({"CHUNKING"}) + mail_and_rcpt + "C: BDAT *\nsomething\nS: 250 ok\n");
  EXPECT_EQ(attempt.probe.outcome, Outcome::accepted);
}

TEST_F(Conversing, HearsThatAHiddenMessageHasBegun) {
  const Attempt safe = converse("smuggle-lf-dot-lf", ehlo + mail_and_rcpt + content + quit);
  EXPECT_EQ(safe.probe.outcome, Outcome::accepted);
  EXPECT_THAT(said(safe, Who::note), Not(Contains(HasSubstr("second message"))));
  ASSERT_EQ(contents_.size(), 1U);
  EXPECT_THAT(
      contents_[0],
      HasSubstr("\n.\nMAIL FROM:<bounces@tester.test>\r\nRCPT TO:<probe@tester.test>\r\nDATA\r\n"));
  const Attempt fooled =
      converse("smuggle-lf-dot-lf", ehlo + mail_and_rcpt + content +
                                        "S: 250 ok\nS: 250 ok\nS: 354 go\nS: 250 ok\n" + quit);
  EXPECT_EQ(fooled.probe.reply, "250 2.0.0 queued");
  EXPECT_THAT(said(fooled, Who::note), Contains(HasSubstr("second message")));
}

TEST_F(Conversing, AsksQuestions) {
  const auto outcome = [&](const std::string& reply) {
    return converse("vrfy-postmaster", ehlo + "C: VRFY postmaster\nS: " + reply + '\n' + quit)
        .probe.outcome;
  };
  EXPECT_EQ(outcome("250 <postmaster@office.example>"), Outcome::answered);
  EXPECT_EQ(outcome("252 perhaps"), Outcome::refused) << "says nothing";
  EXPECT_EQ(outcome("502 no"), Outcome::refused);
  EXPECT_EQ(outcome("450 later"), Outcome::deferred);
}

TEST_F(Conversing, CannotBeHadWhereNobodyListens) {
  {
    net::asio::io_context loop;
    net::TcpAcceptor acceptor(loop.get_executor(), {net::asio::ip::address_v4::loopback(), 0});
    door().port = acceptor.local_endpoint().port();
  }
  net::asio::io_context loop{1};
  Attempt attempt;
  net::Nursery nursery(loop.get_executor());
  nursery.start(hold("plain", false, attempt));
  loop.run();
  EXPECT_EQ(attempt.probe.outcome, Outcome::broken_off);
  EXPECT_EQ(attempt.probe.step, "connect");
  EXPECT_EQ(attempt.probe.reply, "Connection refused");
  EXPECT_FALSE(attempt.has_greeted);
}

}  // namespace
}  // namespace postern::relaytest
