#include "relaytest/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::relaytest {

void PrintTo(Verdict verdict, std::ostream* out) { *out << name_of(verdict); }

namespace {

using testing::Contains;
using testing::HasSubstr;
using What = Return::What;

constexpr auto nothing = std::nullopt;

Return returned(What what, bool is_carrier = false) {
  Return it;
  it.what = what;
  it.is_carrier = is_carrier;
  return it;
}

ProbeResult probe(Outcome outcome, std::vector<Return> returns = {}) {
  ProbeResult result;
  result.outcome = outcome;
  result.attempts = outcome == Outcome::not_tried ? 0 : 1;
  result.returns = std::move(returns);
  result.has_recipient_accepted = outcome == Outcome::accepted;
  return result;
}

ProbeResult smuggling(Outcome outcome, bool has_local_carrier, std::vector<Return> returns = {}) {
  ProbeResult result = probe(outcome, std::move(returns));
  result.kind = Kind::smuggling;
  result.has_local_carrier = has_local_carrier;
  return result;
}

/// Smuggling in mail to an address at the target.
ProbeResult refused_at(std::string step) {
  ProbeResult result = smuggling(Outcome::refused, true);
  result.step = std::move(step);
  return result;
}

ProbeResult question(Outcome outcome, std::string reply = "250 <root@server.example>") {
  ProbeResult result = probe(outcome);
  result.kind = Kind::question;
  result.reply = std::move(reply);
  return result;
}

ProbeResult deferred(std::string reply) {
  ProbeResult result = probe(Outcome::deferred);
  result.reply = std::move(reply);
  return result;
}

ProbeResult ended_at(Outcome outcome, std::string step) {
  ProbeResult result = probe(outcome);
  result.step = std::move(step);
  return result;
}

Door door(std::vector<ProbeResult> probes, bool is_reachable = true) {
  Door it;
  it.is_reachable = is_reachable;
  it.probes = std::move(probes);
  return it;
}

Run run(std::vector<Door> doors) {
  Run it;
  it.doors = std::move(doors);
  return it;
}

const ProbeResult refused = probe(Outcome::refused);
const ProbeResult accepted = probe(Outcome::accepted);
const ProbeResult relayed = probe(Outcome::accepted, {returned(What::relayed)});
const ProbeResult not_tried = probe(Outcome::not_tried);
const ProbeResult not_offered = probe(Outcome::not_offered);

TEST(JudgeOfAProbe, CallsOpenWhatCameBackAndNothingElse) {
  const struct {
    const char* why;
    ProbeResult probe;
    std::optional<Verdict> verdict;
  } rows[] = {
      {"refused", refused, Verdict::closed},
      {"accepted: nobody sees from outside what became of it", accepted, Verdict::mail_sink},
      {"came back", relayed, Verdict::open_relay},
      {"came back, whatever was said", probe(Outcome::refused, {returned(What::relayed)}),
       Verdict::open_relay},
      {"came back after the connection broke",
       probe(Outcome::broken_off, {returned(What::relayed)}), Verdict::open_relay},
      {"bounced: it came no further", probe(Outcome::accepted, {returned(What::bounced)}),
       Verdict::closed},
      {"bounced, and came back all the same",
       probe(Outcome::accepted, {returned(What::bounced), returned(What::relayed)}),
       Verdict::open_relay},
      {"a report of a delay: it may still be passed on",
       probe(Outcome::accepted, {returned(What::answered)}), Verdict::mail_sink},
      {"an auto-reply to what seemed refused: somebody has it",
       probe(Outcome::refused, {returned(What::answered)}), Verdict::mail_sink},
      {"answered first, and bounced in the end",
       probe(Outcome::accepted, {returned(What::answered), returned(What::bounced)}),
       Verdict::closed},
      {"deferred to the end", deferred("451 4.7.1 Greylisted"), Verdict::inconclusive},
      {"deferred, in words that mean no", deferred("454 4.7.1 <a@b>: Relay access denied"),
       Verdict::closed},
      {"sendmail means it: the name of the client is not known now",
       deferred("450 4.7.1 <a@b>... Relaying temporarily denied. Cannot resolve PTR record"),
       Verdict::inconclusive},
      {"broken off", probe(Outcome::broken_off), Verdict::inconclusive},
      {"no answer", probe(Outcome::no_answer), Verdict::inconclusive},
      {"stopped before", not_tried, Verdict::inconclusive},
      {"no STARTTLS, so there is nothing to try", not_offered, nothing},
      {"a question that is answered", question(Outcome::answered), nothing},
      {"a question that is refused shows nothing about relaying", question(Outcome::refused),
       nothing},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(verdict_of(row.probe), row.verdict);
  }
}

TEST(JudgeOfSmuggling, GoesByTheHiddenMessageAndElseByTheOneAroundIt) {
  const struct {
    const char* why;
    ProbeResult probe;
    std::optional<Verdict> verdict;
  } rows[] = {
      {"the hidden one came", smuggling(Outcome::accepted, false, {returned(What::relayed)}),
       Verdict::open_relay},
      {"the hidden one came out of local mail",
       smuggling(Outcome::accepted, true, {returned(What::relayed)}), Verdict::open_relay},
      {"the carrier was for us, and came: relayed as any other",
       smuggling(Outcome::accepted, false, {returned(What::relayed, true)}), Verdict::open_relay},
      {"local mail that its reader has sent on to us is not relayed",
       smuggling(Outcome::accepted, true, {returned(What::relayed, true)}), Verdict::closed},
      {"the carrier was for us, and was only taken", smuggling(Outcome::accepted, false),
       Verdict::mail_sink},
      {"local mail is taken, as it should be", smuggling(Outcome::accepted, true), Verdict::closed},
      {"the carrier bounced", smuggling(Outcome::accepted, false, {returned(What::bounced, true)}),
       Verdict::closed},
      {"the hidden one was taken for a message, and bounced",
       smuggling(Outcome::accepted, true, {returned(What::bounced)}), Verdict::closed},
      {"the carrier was for us, and was refused", smuggling(Outcome::refused, false),
       Verdict::closed},
      {"the ending was refused", refused_at("content"), Verdict::closed},
      {"the local address is none: nothing was tried", refused_at("RCPT"), nothing},
      {"the local address defers", smuggling(Outcome::deferred, true), Verdict::inconclusive},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(verdict_of(row.probe), row.verdict);
  }
}

TEST(JudgeOfADoor, CallsClosedOnlyWhereEverythingWasRefused) {
  const struct {
    const char* why;
    Door door;
    Verdict verdict;
  } rows[] = {
      {"all refused", door({refused, refused}), Verdict::closed},
      {"one came back", door({refused, relayed, accepted, not_tried}), Verdict::open_relay},
      {"one was accepted", door({refused, accepted, probe(Outcome::no_answer)}),
       Verdict::mail_sink},
      {"one had no answer", door({refused, probe(Outcome::no_answer)}), Verdict::inconclusive},
      {"a 421 ended it", door({refused, not_tried}), Verdict::inconclusive},
      {"no STARTTLS", door({refused, not_offered}), Verdict::closed},
      {"a disclosure is no relay", door({refused, question(Outcome::answered)}), Verdict::closed},
      {"a question without an answer does not matter",
       door({refused, question(Outcome::no_answer)}), Verdict::closed},
      {"only questions: nothing is known", door({question(Outcome::refused)}),
       Verdict::inconclusive},
      {"nothing could be tried", door({not_offered}), Verdict::inconclusive},
      {"nothing was planned", door({}), Verdict::inconclusive},
      {"nobody greeted", door({probe(Outcome::no_answer), not_tried}, false), Verdict::unreachable},
      {"nobody greeted, and it came back", door({relayed}, false), Verdict::open_relay},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(verdict_of(row.door), row.verdict);
  }
}

/// A refusal of a trick of that name.
ProbeResult refusal(std::string trick, std::string step, std::string reply) {
  ProbeResult result = probe(Outcome::refused);
  result.trick = std::move(trick);
  result.step = std::move(step);
  result.reply = std::move(reply);
  return result;
}

TEST(JudgeOfADoor, CallsNoRefusalOfTheTesterItselfClosed) {
  const ProbeResult denied = refusal("percent", "RCPT", "554 5.7.1 Relay access denied");
  const struct {
    const char* why;
    Door door;
    Verdict verdict;
  } rows[] = {
      {"relaying was refused", door({refusal("plain", "RCPT", "550 5.7.1 no"), denied}),
       Verdict::closed},
      {"a greeting that shuts us out",
       door({refusal("plain", "greeting", "554 go away"), refusal("helo", "greeting", "554 no")}),
       Verdict::inconclusive},
      {"our name", door({refusal("plain", "EHLO", "550 who?"), denied}), Verdict::inconclusive},
      {"a blocklist",
       door({refusal("plain", "RCPT", "554 5.7.1 Client host [192.0.2.9] blocked using zen"),
             denied}),
       Verdict::inconclusive},
      {"the form of our address, which Exim does not take",
       door({refusal("plain", "MAIL", "501 <relay-test@[192.0.2.9]>: domain literals not allowed"),
             denied}),
       Verdict::inconclusive},
      {"our sender's domain",
       door({refusal("plain", "RCPT", "550 5.1.8 Sender address rejected: Domain not found"),
             denied}),
       Verdict::inconclusive},
      {"the tricks may be refused for their form",
       door({refusal("plain", "RCPT", "550 5.7.1 no"), refusal("two-ats", "RCPT", "501 syntax")}),
       Verdict::closed},
      {"nothing was tried: somebody ended the run", door({not_tried}, false),
       Verdict::inconclusive},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(verdict_of(row.door), row.verdict);
  }
}

TEST(Judge, CallsNothingClosedWhoseRecipientWasTaken) {
  ProbeResult spam = refusal("plain", "content", "550 5.7.1 this looks like spam");
  spam.has_recipient_accepted = true;
  EXPECT_EQ(verdict_of(spam), Verdict::inconclusive);
  spam.reply = "550 5.7.1 relaying denied";
  EXPECT_EQ(verdict_of(spam), Verdict::closed);
}

TEST(Judge, ExpectsAHiddenMessageWhoseCommandsWereAnswered) {
  ProbeResult hidden = smuggling(Outcome::accepted, true);
  EXPECT_EQ(verdict_of(hidden), Verdict::closed);
  hidden.has_surplus_replies = true;
  EXPECT_EQ(verdict_of(hidden), Verdict::mail_sink);
  hidden.outcome = Outcome::refused;
  hidden.step = "content";
  EXPECT_EQ(verdict_of(hidden), Verdict::mail_sink);
  EXPECT_TRUE(is_awaited(hidden));
}

TEST(Judge, FindsNoDenialOfRelayingInOurOwnAddress) {
  EXPECT_TRUE(denies_relaying("454 4.7.1 <relay-test@x.example>: Relay access denied"));
  EXPECT_FALSE(denies_relaying("450 4.7.1 <relay-test@x.example>: Access denied by greylisting"));
  EXPECT_FALSE(denies_relaying("450 4.7.1 relay-test: access denied, greylisted"));
}

TEST(JudgeOfARun, CountsTheDoorsThatCouldBeReached) {
  const Door closed = door({refused}), open = door({relayed}), sink = door({accepted}),
             unknown = door({not_tried}),
             shut = door({probe(Outcome::no_answer), not_tried}, false);
  const struct {
    const char* why;
    relaytest::Run run;
    Verdict verdict;
  } rows[] = {
      {"one is open", run({closed, sink, open, unknown}), Verdict::open_relay},
      {"one is a sink", run({closed, sink, unknown, shut}), Verdict::mail_sink},
      {"one is not known", run({closed, unknown, shut}), Verdict::inconclusive},
      {"nobody opened the others", run({shut, closed, shut}), Verdict::closed},
      {"nobody opened", run({shut, shut}), Verdict::unreachable},
      {"there is no door", run({}), Verdict::unreachable},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(verdict_of(row.run), row.verdict);
  }
}

TEST(JudgeOfADoor, NeverCallsClosedWhereOneProbeIsOpenToDoubt) {
  for (const Outcome outcome : {Outcome::not_tried, Outcome::deferred, Outcome::accepted,
                                Outcome::broken_off, Outcome::no_answer}) {
    SCOPED_TRACE(static_cast<int>(outcome));
    std::vector<ProbeResult> probes(70, refused);
    probes[35] = probe(outcome);
    EXPECT_NE(verdict_of(door(probes)), Verdict::closed);
  }
}

TEST(Judge, AwaitsWhatTheTargetMayHave) {
  EXPECT_TRUE(is_awaited(accepted));
  EXPECT_TRUE(is_awaited(smuggling(Outcome::accepted, true)));
  EXPECT_TRUE(is_awaited(probe(Outcome::accepted, {returned(What::answered)})));
  EXPECT_TRUE(is_awaited(ended_at(Outcome::broken_off, "content")));
  EXPECT_TRUE(is_awaited(smuggling(Outcome::accepted, true, {returned(What::relayed, true)})));
  for (const ProbeResult& one :
       {refused, relayed, not_tried, probe(Outcome::accepted, {returned(What::bounced)}),
        ended_at(Outcome::broken_off, "RCPT"), ended_at(Outcome::refused, "content"),
        question(Outcome::answered)})
    EXPECT_FALSE(is_awaited(one));
}

TEST(NaiveJudge, TakesAcceptanceForRelaying) {
  ProbeResult content_refused = refused;
  content_refused.has_recipient_accepted = true;
  EXPECT_EQ(naive_verdict_of(refused), Verdict::closed);
  EXPECT_EQ(naive_verdict_of(accepted), Verdict::open_relay);
  EXPECT_EQ(naive_verdict_of(content_refused), Verdict::open_relay);
  EXPECT_EQ(naive_verdict_of(deferred("450 later")), Verdict::closed);
  EXPECT_EQ(naive_verdict_of(not_tried), nothing);
  EXPECT_EQ(naive_verdict_of(question(Outcome::answered)), nothing);
  EXPECT_EQ(naive_verdict_of(smuggling(Outcome::accepted, true)), nothing);

  EXPECT_EQ(naive_verdict_of(run({door({refused, accepted})})), Verdict::open_relay);
  EXPECT_EQ(naive_verdict_of(run({door({refused}), door({not_tried}, false)})), Verdict::closed);
  EXPECT_EQ(naive_verdict_of(run({door({not_tried}, false)})), Verdict::unreachable);
}

TEST(Judge, HasAnExitCodeForEachVerdict) {
  for (int i = 0; i <= static_cast<int>(Verdict::last); ++i) {
    EXPECT_EQ(exit_code_of(static_cast<Verdict>(i)), i);
    EXPECT_FALSE(name_of(static_cast<Verdict>(i)).empty());
  }
}

TEST(Remarks, TellWhatDoesNotChangeTheVerdict) {
  EXPECT_TRUE(remarks_of(run({door({refused, accepted, relayed})})).empty());

  Door shut = door({probe(Outcome::no_answer)}, false);
  shut.label = "192.0.2.1:465";
  shut.trouble = "Connection refused";
  const relaytest::Run one =
      run({door({probe(Outcome::accepted, {returned(What::bounced)}),
                 probe(Outcome::accepted, {returned(What::answered)}),
                 smuggling(Outcome::accepted, true, {returned(What::relayed)}), not_offered,
                 refused_at("RCPT"), question(Outcome::answered),
                 deferred("454 4.7.1 Relay access denied")}),
           shut});
  const auto remarks = remarks_of(one);
  for (const char* words :
       {"192.0.2.1:465 could not be reached", "backscatter", "auto-reply",
        "hidden message was taken", "hidden message was not sent", "STARTTLS", "VRFY", "4xx"})
    EXPECT_THAT(remarks, Contains(HasSubstr(words)));
  EXPECT_EQ(remarks.size(), 8U);
}

TEST(Remarks, CallNoDisclosureWhatAServerWillNotTell) {
  EXPECT_TRUE(remarks_of(run({door({question(Outcome::answered, "252 2.0.0 Send some mail"),
                                    question(Outcome::refused, "502 no")})}))
                  .empty());
}

}  // namespace
}  // namespace postern::relaytest
