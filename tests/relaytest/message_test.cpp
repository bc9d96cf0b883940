#include "relaytest/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "relaytest/planned_run.h"
#include "relaytest/prober.h"
#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const system_clock::time_point now{std::chrono::sys_days{std::chrono::November / 22 / 2026}};

class Messages : public testing::Test {
 protected:
  Messages() {
    run_.carrier = "info@office.example";
    plan_probes(run_, {});
  }

  const ProbeResult& probe(const std::string& trick) const {
    return *std::ranges::find(run_.doors[0].probes, trick, &ProbeResult::trick);
  }
  std::string content(const std::string& trick) const {
    return content_of(run_, run_.doors[0], probe(trick), *find_trick(trick), now);
  }
  static std::string head(const std::string& content) {
    return content.substr(0, content.find("\r\n\r\n") + 2);
  }

  relaytest::Run run_ = run_without_probes();
};

TEST_F(Messages, CarryTheirTokenInTheirHeader) {
  const std::string head = Messages::head(content("percent"));
  const std::string& token = probe("percent").token;
  EXPECT_THAT(head, HasSubstr("\r\nX-Postern-Relay-Test: " + token + "\r\n"));
  EXPECT_THAT(head, HasSubstr("\r\nMessage-ID: <" + token + "@tester.test>\r\n"));
  EXPECT_THAT(tokens_in(head), ElementsAre(token, token));
}

TEST_F(Messages, SayWhoSentThemAndWhyAndWhatToDo) {
  const std::string text = content("percent");
  for (const char* const part :
       {"From: Postern relay test <bounces@tester.test>\r\n", "To: <probe@tester.test>\r\n",
        "Subject: Relay test of mx.office.example: percent\r\n",
        "Date: Sun, 22 Nov 2026 00:00:00 +0000\r\n", "Auto-Submitted: auto-generated\r\n",
        "MIME-Version: 1.0\r\n", "192.0.2.25:25", "operator@tester.test", "20261122-0750-abcdef",
        "Trick: percent."}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
}

TEST_F(Messages, AreWellFormed) {
  for (const ProbeResult& probe : run_.doors[0].probes) {
    if (probe.kind != Kind::message) continue;
    SCOPED_TRACE(probe.trick);
    const std::string text = content(probe.trick);
    EXPECT_TRUE(text.ends_with("\r\n"));
    EXPECT_THAT(text, Not(HasSubstr("\r\n.")));
    for (std::size_t i = 0; i < text.size(); ++i) {
      EXPECT_TRUE(text[i] != '\n' || text[i - 1] == '\r');
      EXPECT_TRUE(text[i] != '\r' || text[i + 1] == '\n');
      EXPECT_TRUE((text[i] >= ' ' && text[i] <= '~') || text[i] == '\r' || text[i] == '\n');
    }
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find("\r\n", begin);
      EXPECT_LE(end - begin, 140U);
      begin = end + 2;
    }
  }
}

// What the user says of himself cannot make a second field, nor end the message.
TEST_F(Messages, CannotBeBrokenByWhatTheyAreTold) {
  run_.target = "mx\r\nX-Evil: yes";
  run_.contact = "me\r\n.\r\nMAIL FROM:<>";
  const std::string text = content("plain");
  EXPECT_THAT(text, Not(HasSubstr("\r\nX-Evil")));
  EXPECT_THAT(text, Not(HasSubstr("\r\n.\r\n")));
  run_.contact = "... --- ...";
  EXPECT_THAT(content("plain"), Not(HasSubstr("\r\n.")));
}

TEST_F(Messages, HideASecondOneWithATokenOfItsOwn) {
  for (const ProbeResult& probe : run_.doors[0].probes) {
    if (probe.kind != Kind::smuggling) continue;
    SCOPED_TRACE(probe.trick);
    const std::string text = content(probe.trick);
    const std::string_view ending = find_trick(probe.trick)->ending;
    const std::string seam =
        std::string(ending) +
        "MAIL FROM:<bounces@tester.test>\r\nRCPT TO:<probe@tester.test>\r\nDATA\r\nFrom: ";
    const std::size_t at = text.find(seam);
    ASSERT_NE(at, text.npos);
    const std::string carrier = text.substr(0, at);
    const std::string hidden = text.substr(at + seam.size() - 6);
    EXPECT_THAT(head(carrier), HasSubstr("X-Postern-Relay-Test: " + probe.carrier_token + "\r\n"));
    EXPECT_THAT(head(carrier), HasSubstr("To: <info@office.example>\r\n"));
    EXPECT_THAT(head(hidden), HasSubstr("X-Postern-Relay-Test: " + probe.token + "\r\n"));
    EXPECT_THAT(head(hidden), HasSubstr("To: <probe@tester.test>\r\n"));
    EXPECT_THAT(tokens_in(head(carrier)), ElementsAre(probe.carrier_token, probe.carrier_token));
    EXPECT_THAT(carrier, Not(HasSubstr("\r\n.")));
    EXPECT_THAT(hidden, Not(HasSubstr("\r\n.")));
  }
}

}  // namespace
}  // namespace postern::relaytest
