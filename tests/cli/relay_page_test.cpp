// What the relay tester's page has in it; how it looks is for tests/e2e/relay_page_test.py.
#include "relay_page.h"

#include <gmock/gmock.h>

#include "html.h"
#include "relay_runs.h"
#include "relaytest/catalogue.h"

namespace postern::cli {
namespace {

using namespace std::string_literals;
using relaytest::ProbeResult;
using testing::HasSubstr;
using testing::Not;

std::string trick(std::size_t n) { return std::string(relaytest::catalogue()[n].name); }

std::size_t count_of(std::string_view part, std::string_view text) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Html, EscapesWhateverIsNotHtmlAlready) {
  struct Row {
    const char* why;
    std::string text;
    const char* shown;
  };
  const Row rows[] = {
      {"markup", "<b>&\"'", "&lt;b&gt;&amp;&quot;&#39;"},
      {"controls", "\0\x1b\x7f\r"s, "‹U+0000›‹U+001B›‹U+007F›‹U+000D›"},
      {"C1", "\xc2\x9b", "‹U+009B›"},
      {"lines and tabs", "a\n\tb", "a\n\tb"},
      {"Latin-1", "\xe4", "‹E4›"},
      {"cut within a character", "\xf0\x9f\x93", "‹F0›‹9F›‹93›"},
      {"right to left from here on", "\xe2\x80\xae", "‹U+202E›"},
      {"no width", "a\xe2\x80\x8b\xef\xbb\xbf", "a‹U+200B›‹U+FEFF›"},
      {"a tag that nobody sees", "\xf3\xa0\x81\xa1", "‹U+E0061›"},
      {"other scripts", "ä ש 📮", "ä ש 📮"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(html("<i>{}</i>", row.text).text, "<i>" + std::string(row.shown) + "</i>");
  }
  EXPECT_EQ(html("{}{}", Html{"<br>"}, 7).text, "<br>7");
}

TEST(RelayPage, NamesTheVerdictAndHasEveryProbe) {
  const std::string page =
      page_of(run_of({refused(trick(0)), accepted(trick(1)), came_back(trick(2))}));
  EXPECT_THAT(page, HasSubstr("<title>Open relay: mx.example"));
  EXPECT_THAT(page, HasSubstr("<h1>Open relay</h1>"));
  EXPECT_EQ(count_of("<details ", page), 3U);
  EXPECT_EQ(count_of("</details>", page), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_THAT(page, HasSubstr("<span class=\"trick\">" + trick(i) + "</span>"));
    EXPECT_THAT(page, HasSubstr(html("{}", relaytest::catalogue()[i].reason).text));
  }
  EXPECT_THAT(page, HasSubstr("handed in by <bdi>192.0.2.1</bdi>"));
  EXPECT_THAT(page, HasSubstr("by mx.example (Postfix)"));
}

TEST(RelayPage, AsksForNothingFromElsewhere) {
  const std::string page = page_of(run_of({came_back(trick(0))}));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  for (const char* const part :
       {"<script", "http:", "https:", "src=", "url(", "@import", "<link"}) {
    if (std::string_view(part) != "src=") {
      EXPECT_THAT(page, Not(HasSubstr(part)));
    }
  }
}

TEST(RelayPage, DoesNotTellTheSecret) {
  EXPECT_THAT(page_of(run_of({came_back(trick(0))})), Not(HasSubstr("not to be shown")));
}

// Wherever a stranger's words stand.
TEST(RelayPage, IsNotChangedByWhatStrangersSay) {
  const std::string hostile =
      "</pre></style></title><script>alert(1)</script><img src=x onerror=alert(1)> \"' \xff\xe2\x80\xae\0\x1b"s;
  ProbeResult back = came_back(trick(0));
  back.reply = back.from = back.to = back.tls = back.step = back.token = hostile;
  for (relaytest::Line& line : back.transcript) line.text = hostile;
  for (relaytest::Return& each : back.returns) {
    each.peer = each.reverse_path = each.head = hostile;
    for (std::string& field : each.received) field = hostile;
  }
  ProbeResult unknown = refused(hostile);
  relaytest::Run run = run_of({back, unknown, question(hostile)});
  run.target = run.server = run.mailbox = run.listen = run.returns = run.contact = hostile;
  run.remarks = {hostile};
  run.doors[0].label = run.doors[0].greeting = run.doors[0].trouble = hostile;
  const std::string page = page_of(run);
  for (const char* const part :
       {"<script", "<img", "</pre></style>", "onerror=alert(1)>", "\xff", "\xe2\x80\xae", "\x1b"})
    EXPECT_THAT(page, Not(HasSubstr(part)));
  EXPECT_EQ(page.find('\0'), page.npos);
  EXPECT_EQ(count_of("</style>", page), 1U);
  EXPECT_EQ(count_of("<details ", page), 3U);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("‹U+202E›"));
}

TEST(RelayPage, StaysSmallWhateverStrangersSay) {
  ProbeResult loud = came_back(trick(0));
  loud.reply = std::string(relaytest::max_transcript_line, '\1');
  loud.transcript.assign(
      relaytest::max_transcript_lines,
      {relaytest::Line::Who::server, 1ms, std::string(relaytest::max_transcript_line, '\1')});
  loud.returns[0].received.assign(64, std::string(1024, '\1'));
  loud.returns[0].head = std::string(relaytest::max_returned_head, '\1');
  loud.returns.assign(relaytest::max_returns, loud.returns[0]);
  relaytest::Run run = run_of(std::vector<ProbeResult>(80, loud));
  run.doors.assign(3, run.doors[0]);
  const std::string page = page_of(run);
  EXPECT_LT(page.size(), 4'000'000U);
  EXPECT_THAT(page, HasSubstr("lines left out here: --json has all"));

  ProbeResult usual = came_back(trick(0));
  run.doors.assign(3, run_of(std::vector<ProbeResult>(80, usual)).doors[0]);
  EXPECT_LT(page_of(run).size(), 1'000'000U);
  EXPECT_THAT(page_of(run), Not(HasSubstr("left out here")));
}

TEST(RelayPage, FoldsAMessageAwayButNotASmuggledOne) {
  ProbeResult sent = accepted(trick(0));
  using Who = relaytest::Line::Who;
  sent.transcript = {{Who::client, 1ms, "DATA"}, {Who::server, 2ms, "354 go ahead"}};
  for (int i = 0; i < 9; ++i) sent.transcript.push_back({Who::client, 2ms, "text"});
  sent.transcript.push_back({Who::client, 2ms, "."});
  sent.transcript.push_back({Who::server, 3ms, sent.reply});
  EXPECT_THAT(page_of(run_of({sent})), HasSubstr("<summary>the message, 9 lines</summary>"));
  EXPECT_THAT(page_of(run_of({sent})),
              HasSubstr("</ol></details></li>\n<li class=\"c\"><i>0.002</i><b>C</b>.</li>\n"
                        "<li class=\"s decisive\">"));
  sent.transcript.resize(11);  // the connection broke
  EXPECT_EQ(count_of("<details", page_of(run_of({sent}))),
            count_of("</details>", page_of(run_of({sent}))));
  sent.kind = relaytest::Kind::smuggling;
  EXPECT_THAT(page_of(run_of({sent})), Not(HasSubstr("the message, 9 lines")));
}

}  // namespace
}  // namespace postern::cli
