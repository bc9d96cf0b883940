// How the queue is shown, to people and to programs.
#include "queue_text.h"

#include <gmock/gmock.h>

#include "queue_json.h"

namespace postern::cli {
namespace {

using frames::QueuedAttempt;
using frames::QueuedMessage;
using frames::RecipientState;
using testing::HasSubstr;
using testing::Not;

mail::Mailbox mailbox(std::string_view text) { return *mail::Mailbox::parse(text); }

QueuedMessage message() {
  mail::Envelope envelope = mail::envelope_of_report(mailbox("b@to.example"));
  envelope.reverse_path = mailbox("a@from.example");
  envelope.origin = {"192.0.2.7", "printer", "alice", "TLSv1.3"};
  envelope.recipients = {{mailbox("b@to.example"), {.delay = true}, "rfc822;B"},
                         {mailbox("c@to.example")}};
  QueuedMessage made{mail::MessageId(1), envelope, {}, 123, {}, {}, "Subject: x\r\n"};
  made.recipients.push_back({mailbox("b@to.example"),
                             RecipientState::waiting,
                             "to.example",
                             5,
                             {},
                             "mx[192.0.2.1]:25",
                             "451 greylisted \x1b"});
  made.recipients.push_back(
      {mailbox("c@to.example"), RecipientState::held, "to.example", 1, {}, "", "451 no answer"});
  made.attempts = {{0, RecipientState::waiting, 4, {}, "mx", "451 once"},
                   {0, RecipientState::waiting, 5, {}, "mx", "451 twice"},
                   {1, RecipientState::waiting, 1, {}, "", "451 no answer"}};
  return made;
}

TEST(QueueText, TellsTheRemotesWordsFromOurs) {
  const std::string text = summary_text(message());
  EXPECT_THAT(text, HasSubstr("mx[192.0.2.1]:25 said: 451 greylisted ?\n"));
  EXPECT_THAT(text, HasSubstr("(451 no answer)\n"));
  EXPECT_THAT(text, HasSubstr("login alice"));
}

TEST(QueueText, SaysWhatIsNotShown) {
  QueuedMessage part = message();
  part.recipients.pop_back();
  EXPECT_THAT(summary_text(part), HasSubstr("and 1 other recipient"));
  EXPECT_THAT(summary_json(part), HasSubstr("\"other_recipients\":1,"));
  EXPECT_THAT(summary_text(message()), Not(HasSubstr("other recipient")));
}

TEST(QueueText, SaysHowManyAttemptsAreForgotten) {
  EXPECT_EQ(forgotten_attempts(message(), 0), 3U);
  EXPECT_EQ(forgotten_attempts(message(), 1), 0U);
  QueuedMessage none = message();
  none.attempts.clear();
  EXPECT_EQ(forgotten_attempts(none, 0), 5U) << "none is kept";
  none.recipients[0].attempts = 0;
  EXPECT_EQ(forgotten_attempts(none, 0), 0U);
  EXPECT_THAT(whole_text(message()), HasSubstr("(its first 3 attempts are no longer kept)"));
}

TEST(QueueJson, HasAllOfAMessage) {
  EXPECT_EQ(
      whole_json(message()),
      R"({"id":"0000000000001","arrival":"1970-01-01T00:00:00Z","size":123,"from":"a@from.example",)"
      R"("client":"192.0.2.7","helo":"printer","tls":"TLSv1.3","login":"alice","other_recipients":0,)"
      R"("envid":"","ret":"","eight_bit":false,"smtputf8":false,"recipients":[)"
      R"({"recipient":"b@to.example","state":"waiting","destination":"to.example","attempts":5,)"
      R"("next_attempt":"1970-01-01T00:00:00Z","remote":"mx[192.0.2.1]:25",)"
      R"("last_answer":"451 greylisted \u001b","notify":"DELAY","orcpt":"rfc822;B","forgotten_attempts":3,)"
      R"("history":[{"time":"1970-01-01T00:00:00Z","attempt":4,"state":"waiting","remote":"mx","answer":"451 once"},)"
      R"({"time":"1970-01-01T00:00:00Z","attempt":5,"state":"waiting","remote":"mx","answer":"451 twice"}]},)"
      R"({"recipient":"c@to.example","state":"held","destination":"to.example","attempts":1,"next_attempt":null,)"
      R"("remote":"","last_answer":"451 no answer","notify":"","orcpt":"","forgotten_attempts":0,)"
      R"("history":[{"time":"1970-01-01T00:00:00Z","attempt":1,"state":"waiting","remote":"","answer":"451 no answer"}]}],)"
      R"("header":"Subject: x\u000d\u000a"})");
}

}  // namespace
}  // namespace postern::cli
