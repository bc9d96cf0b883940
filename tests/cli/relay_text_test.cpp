// What the relay tester says at a terminal.
#include "relay_text.h"

#include <gmock/gmock.h>

#include <sstream>

#include "relay_findings.h"
#include "relay_runs.h"
#include "relaytest/catalogue.h"

namespace postern::cli {
namespace {

using relaytest::Outcome;
using relaytest::ProbeResult;
using relaytest::Progress;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// The n-th trick, whatever it is called: the catalogue changes, the reports do not.
std::string trick(std::size_t n) { return std::string(relaytest::catalogue()[n].name); }

std::string table(const relaytest::Run& run) { return table_of(run, {.width = 80}); }

TEST(RelayText, SaysTheVerdictFirstAndOnWhatGround) {
  relaytest::Run unreachable = run_of({probe(trick(0), Outcome::not_tried, "")});
  unreachable.doors[0].is_reachable = false;
  unreachable.doors[0].greeting.clear();
  unreachable.doors[0].trouble = "Connection refused";
  relaytest::Run given_up = run_of({refused(trick(0)), probe(trick(1), Outcome::not_tried, "")});
  given_up.doors[0].trouble = "421 enough";
  struct Row {
    const char* why;
    relaytest::Run run;
    const char* begin;
  };
  const Row rows[] = {
      {"refused", run_of({refused(trick(0)), refused(trick(1))}),
       "CLOSED: mx.example refused each of 2 messages.\n"},
      {"a bounce is no relaying", run_of({refused(trick(0)), bounced(trick(1))}),
       "CLOSED: mx.example relayed nothing: it refused 1 message, bounced 1.\n"},
      {"a return", run_of({refused(trick(0)), accepted(trick(1)), came_back(trick(2))}),
       "OPEN RELAY: 1 of 3 messages came back to probe@returns.test through mx.example:\n"
       "it relays for strangers.\n"},
      {"250 is no relaying", run_of({accepted(trick(0)), refused(trick(1))}),
       "MAIL SINK: mx.example accepted 1 of 2 messages, and none came back within 1 min:\n"
       "nothing shows that it forwards anything.\n"},
      {"deferred", run_of({probe(trick(0), Outcome::deferred, "451 later"), refused(trick(1))}),
       "INCONCLUSIVE: mx.example neither took nor refused 1 of 2 messages. Nothing came\nback.\n"},
      {"421 in between", given_up,
       "INCONCLUSIVE: mx.example refused 1 message, but more were to be tried;\n"
       "192.0.2.1:25 was given up: 421 enough. 1 was not tried. Nothing came back.\n"},
      {"421 at once", run_of({probe(trick(0), Outcome::not_tried, "")}),
       "INCONCLUSIVE: Nothing could be tried at mx.example. 1 was not tried. Nothing\n"},
      {"nobody there", unreachable,
       "UNREACHABLE: Nobody answered at mx.example: Connection refused.\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_THAT(table(row.run), StartsWith(row.begin));
  }
}

TEST(RelayText, ShowsTheWayOfWhatCameBack) {
  const std::string text = table(run_of({came_back(trick(0))}));
  EXPECT_THAT(text, HasSubstr("What came back\n"));
  EXPECT_THAT(text, HasSubstr("handed in by 192.0.2.1 on"));
  EXPECT_THAT(text, HasSubstr("    Received: from tester.example"));
  EXPECT_THAT(table(run_of({accepted(trick(0))})), Not(HasSubstr("What came back")));
}

TEST(RelayText, ShowsAFewWaysUnlessAllAreWanted) {
  std::vector<ProbeResult> probes;
  for (std::size_t i = 0; i < 5; ++i) probes.push_back(came_back(trick(i)));
  const relaytest::Run run = run_of(std::move(probes));
  EXPECT_THAT(table(run), HasSubstr("  and 2 others: --all shows them\n"));
  EXPECT_THAT(table_of(run, {.all = true}), Not(HasSubstr("others")));
}

TEST(RelayText, SaysHowToLookAgainForWhatWasOnlyAccepted) {
  const char* const resume = "relay-test --resume 20261122-073000-ab12";
  EXPECT_THAT(table_of(run_of({accepted(trick(0))}), {.width = 0}), HasSubstr(resume));
  EXPECT_THAT(table_of(run_of({refused(trick(0))}), {.width = 0}), Not(HasSubstr(resume)));
}

TEST(RelayText, CountsWhatWasRefusedByGroupUnlessAllIsWanted) {
  const relaytest::Run run = run_of({refused(trick(0)), accepted(trick(1))});
  const std::string group = std::string(group_of(run.doors[0].probes[0])) + ": 1 trick refused";
  EXPECT_THAT(table(run), HasSubstr(group));
  EXPECT_THAT(table(run), HasSubstr("\n  " + trick(1) + " "));
  EXPECT_THAT(table(run), Not(HasSubstr("\n  " + trick(0) + " ")));
  const std::string all = table_of(run, {.all = true});
  EXPECT_THAT(all, Not(HasSubstr(group)));
  EXPECT_THAT(all, HasSubstr("\n  " + trick(0) + " "));
}

TEST(RelayText, TellsWhyANaiveTesterSaysOtherwise) {
  const TableOptions options{.naive = true, .width = 0};
  const std::string sink = table_of(run_of({accepted(trick(0))}), options);
  EXPECT_THAT(sink, HasSubstr("would say open relay. It looks at one reply"));
  EXPECT_THAT(sink, HasSubstr("  no      open    content: 250"));
  EXPECT_THAT(table_of(run_of({refused(trick(0))}), options), HasSubstr("would say closed, too."));
  EXPECT_THAT(table(run_of({accepted(trick(0))})), Not(HasSubstr("would say")));
}

TEST(RelayText, StaysWithinTheTerminal) {
  relaytest::Run run = run_of({refused(trick(0)), accepted(trick(1)), came_back(trick(2))});
  for (ProbeResult& each : run.doors[0].probes) each.reply += std::string(500, 'x');
  run.doors[0].greeting = "220 " + std::string(500, 'g');
  for (const bool all : {false, true}) {
    std::istringstream lines(table_of(run, {.all = all, .naive = true, .width = 100}));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
  }
  EXPECT_THAT(table_of(run, {.width = 0}), HasSubstr(std::string(500, 'g')));
}

TEST(RelayText, MakesStrangersTextHarmless) {
  const std::string hostile = "250 \x1b[2J\r\nCLOSED: all is well\x07\xe2\x80\xae";
  ProbeResult back = came_back(trick(0));
  back.reply = hostile;
  back.returns[0].peer = hostile;
  back.returns[0].received = {hostile};
  relaytest::Run run = run_of({back, question(hostile)});
  run.target = run.doors[0].greeting = run.doors[0].trouble = run.doors[0].label = hostile;
  for (const std::size_t width : {0U, 80U}) {
    const std::string text = table_of(run, {.all = true, .naive = true, .width = width});
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\x07")));
    EXPECT_THAT(text, Not(HasSubstr("\r")));
    EXPECT_THAT(text, Not(HasSubstr("\xe2\x80\xae"))) << "it would turn the line around";
    if (width == 0) {
      EXPECT_THAT(text, Not(HasSubstr("\nCLOSED")));
    }
  }
}

TEST(RelayText, HasColoursOnlyWhereTheyAreWanted) {
  const relaytest::Run run = run_of({came_back(trick(0))});
  EXPECT_THAT(table(run), Not(HasSubstr("\x1b")));
  EXPECT_THAT(table_of(run, {.width = 80, .colour = true}),
              StartsWith("\x1b[1;31mOPEN RELAY\x1b[0m: 1 of"));
}

TEST(RelayText, RemarksWhatIsNoRelaying) {
  relaytest::Run run = run_of({bounced(trick(0)), question("250 <root@x>")});
  run.remarks = {"This run looked from inside."};
  const std::string text = table_of(run, {.width = 0});
  EXPECT_THAT(text, HasSubstr("Remarks\n  This run looked from inside.\n  "));
  EXPECT_THAT(text, HasSubstr("backscatter"));
  EXPECT_THAT(text, HasSubstr("<root@x>"));
}

TEST(RelayText, DoesNotCountQuestionsAsMessages) {
  EXPECT_THAT(table(run_of({refused(trick(0)), question("250 <root@x>")})),
              StartsWith("CLOSED: mx.example refused 1 message.\n"));
  EXPECT_EQ(fate_of(question("250 <root@x>")), Fate::disclosed);
}

TEST(RelayText, ShowsProgressInOneLine) {
  using Phase = Progress::Phase;
  EXPECT_EQ(progress_line({Phase::probing, 42, 84, 2, 1, {}}),
            "[##########..........] 42/84 probes, 2 accepted, 1 returned");
  EXPECT_EQ(progress_line({Phase::waiting_for_returns, 84, 84, 2, 1, 125s}),
            "[####################] 84/84 probes, 2 accepted, 1 returned; waiting 2 min 5 s");
  EXPECT_LE(progress_line({Phase::waiting_to_retry, 99999, 99999, 99999, 99999, 35999s}).size(),
            78U);
  EXPECT_THAT(progress_line({}), HasSubstr("0/0 probes"));
}

}  // namespace
}  // namespace postern::cli
