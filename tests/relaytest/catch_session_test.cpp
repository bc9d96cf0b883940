#include "relaytest/catch_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::relaytest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Catch : public testing::Test {
 protected:
  static CatchLimits small_limits() {
    return {.line = 100, .recipients = 3, .content = 1000, .kept = 1000};
  }

  CatchSession session(bool offers_tls = false) {
    return CatchSession(small_limits(), offers_tls, replies_, [this](const CaughtMessage& message) {
      caught_.push_back(message);
      return is_room_;
    });
  }

  /// The replies to `input`, all of which must be taken.
  static std::string say(CatchSession& session, const std::string& input) {
    std::string out;
    EXPECT_EQ(session.take(input, out), input.size());
    return out;
  }

  /// The codes of the replies in `out`.
  static std::vector<std::string> codes(const std::string& out) {
    std::vector<std::string> found;
    for (std::size_t i = 0; i < out.size(); i = out.find("\r\n", i) + 2) {
      if (out[i + 3] == ' ') found.push_back(out.substr(i, 3));
    }
    return found;
  }

  ScriptedReplies replies_;
  std::vector<CaughtMessage> caught_;
  bool is_room_ = true;
};

const std::string one_message =
    "EHLO a.example\r\nMAIL FROM:<a@b.example> SIZE=9\r\nRCPT TO:<c@d.example>\r\nrcpt to: "
    "<\"e>f\"@g.example>\r\n"
    "DATA\r\nSubject: x\r\n\r\n..a dot\r\n...\r\nend\r\n.\r\nQUIT\r\n";
const std::string its_content = "Subject: x\r\n\r\n.a dot\r\n..\r\nend\r\n";

TEST_F(Catch, TakesAMessageExactly) {
  CatchSession one = session();
  EXPECT_THAT(one.greeting(), HasSubstr("220 "));
  EXPECT_THAT(codes(say(one, one_message)),
              ElementsAre("250", "250", "250", "250", "354", "250", "221"));
  ASSERT_EQ(caught_.size(), 1U);
  EXPECT_EQ(caught_[0].reverse_path, "a@b.example");
  EXPECT_THAT(caught_[0].recipients, ElementsAre("c@d.example", "\"e>f\"@g.example"));
  EXPECT_EQ(caught_[0].content, its_content);
  EXPECT_EQ(caught_[0].size, its_content.size());
  EXPECT_TRUE(one.has_ended());
}

TEST_F(Catch, TakesTheSameInPiecesOfAnySize) {
  for (std::size_t size = 1; size < one_message.size(); ++size) {
    SCOPED_TRACE(size);
    caught_.clear();
    CatchSession one = session();
    std::string pending, out;
    for (std::size_t i = 0; i < one_message.size(); i += size) {
      pending += one_message.substr(i, size);
      pending.erase(0, one.take(pending, out));
    }
    EXPECT_THAT(codes(out), ElementsAre("250", "250", "250", "250", "354", "250", "221"));
    ASSERT_EQ(caught_.size(), 1U);
    EXPECT_EQ(caught_[0].content, its_content);
  }
}

TEST_F(Catch, EndsContentAtCrLfDotCrLfOnly) {  // behaviour 20
  for (const char* almost :
       {"\n.\n", "\n.\r\n", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\r\n.\rx\r\n", "\r\r\n.\n"}) {
    SCOPED_TRACE(almost);
    caught_.clear();
    CatchSession one = session();
    say(one, "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n");
    std::string out;
    const std::string content = "x" + std::string(almost) + "y";
    EXPECT_EQ(one.take(content + "\r\n.\r\n", out), content.size() + 5);
    ASSERT_EQ(caught_.size(), 1U);
    EXPECT_THAT(caught_[0].content, testing::EndsWith("y\r\n"));
  }
}

TEST_F(Catch, TakesEmptyContent) {
  CatchSession one = session();
  say(one, "MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n");
  ASSERT_EQ(caught_.size(), 1U);
  EXPECT_EQ(caught_[0].content, "");
  EXPECT_EQ(caught_[0].reverse_path, "");
}

TEST_F(Catch, KeepsTheOrderOfCommands) {
  CatchSession one = session();
  EXPECT_THAT(codes(say(one,
                        "RCPT TO:<a@b.example>\r\nDATA\r\nMAIL FROM:<>\r\nMAIL "
                        "FROM:<>\r\nDATA\r\nRSET\r\nDATA\r\n")),
              ElementsAre("503", "503", "250", "503", "503", "250", "503"));
  EXPECT_THAT(codes(say(one, "MAIL\r\nMAIL FROM:a@b.example\r\nRCPT TO:<>\r\nFOO\r\nNOOP\r\n\r\n")),
              ElementsAre("501", "501", "501", "500", "250", "500"));
}

TEST_F(Catch, BoundsWhatAClientSends) {
  CatchSession one = session();
  EXPECT_THAT(
      codes(say(
          one,
          "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\n")),
      ElementsAre("250", "250", "250", "250", "452"));
  EXPECT_THAT(codes(say(one, "DATA\r\n" + std::string(1001, 'x') + "\r\n.\r\n")),
              ElementsAre("354", "552"));
  EXPECT_TRUE(caught_.empty());

  std::string out;
  EXPECT_EQ(one.take(std::string(200, 'x'), out), 0U);
  EXPECT_THAT(codes(out), ElementsAre("500"));
  EXPECT_TRUE(one.has_ended());
}

TEST_F(Catch, KeepsNoMoreOfContentThanIsUsed) {
  CatchLimits limits = small_limits();
  limits.kept = 5;
  CatchSession one(limits, false, replies_, [this](const CaughtMessage& message) {
    caught_.push_back(message);
    return true;
  });
  say(one, one_message);
  ASSERT_EQ(caught_.size(), 1U);
  EXPECT_EQ(caught_[0].content, "Subje");
  EXPECT_EQ(caught_[0].size, its_content.size());
}

TEST_F(Catch, RefusesForNowWhatCannotBePutAway) {
  is_room_ = false;
  CatchSession one = session();
  EXPECT_THAT(codes(say(one, one_message)),
              ElementsAre("250", "250", "250", "250", "354", "452", "221"));
}

TEST_F(Catch, PresentsItselfAsItIsTold) {
  const CatchManner manner{
      .greeting = "says who it is", .refusal = "550 5.7.1 Not mine", .offers_smtputf8 = true};
  CatchSession one(
      small_limits(), false, replies_, [](const CaughtMessage&) { return false; }, manner);
  EXPECT_THAT(one.greeting(), HasSubstr(" ESMTP says who it is\r\n"));
  const std::string said = say(one, one_message);
  EXPECT_THAT(said, HasSubstr("\r\n250-SMTPUTF8\r\n"));
  EXPECT_THAT(said, HasSubstr("\r\n550 5.7.1 Not mine\r\n"));
  CatchSession usual = session();
  EXPECT_THAT(say(usual, "EHLO a\r\n"), testing::Not(HasSubstr("SMTPUTF8")));
}

TEST_F(Catch, TakesAnyPathInBrackets) {  // a relay may hand it on as it was given
  for (const char* path : {"@[127.0.0.1]:a@b.example", "@:a@b.example", "\"a@b.example",
                           "a>b@c.example", "a b\xff", "@a.example,@b.example:c@d.example"}) {
    SCOPED_TRACE(path);
    CatchSession one = session();
    EXPECT_THAT(codes(say(one, "MAIL FROM:<" + std::string(path) + ">\r\nRCPT TO:<" + path +
                                   "> NOTIFY=NEVER\r\nDATA\r\n.\r\n")),
                ElementsAre("250", "250", "354", "250"));
  }
}

TEST_F(Catch, TakesNoClearCommandsBehindStarttls) {  // behaviour 17
  CatchSession one = session(true);
  EXPECT_THAT(say(one, "EHLO a\r\nMAIL FROM:<>\r\n"), HasSubstr("STARTTLS"));
  const std::string injected = "STARTTLS\r\nRCPT TO:<a@b.example>\r\n";
  std::string out;
  EXPECT_EQ(one.take(injected, out), 10U);
  EXPECT_TRUE(one.wants_tls());
  one.on_tls();
  EXPECT_THAT(codes(say(one, "RCPT TO:<a@b.example>\r\nSTARTTLS\r\n")), ElementsAre("503", "502"));
  say(one, one_message);
  ASSERT_EQ(caught_.size(), 1U);
  EXPECT_TRUE(caught_[0].is_encrypted);
}

TEST_F(Catch, AnswersAsItIsTold) {
  for (const char* reply : {"rcpt=451:1", "rcpt=550:1", "content=452:1"})
    ASSERT_TRUE(replies_.add(reply));
  CatchSession one = session();
  const std::string start =
      "MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n.\r\n";
  EXPECT_THAT(codes(say(one, start)), ElementsAre("250", "451", "550", "250", "354", "452"));
  EXPECT_TRUE(caught_.empty());
  CatchSession other = session();  // how often is counted over all sessions
  EXPECT_THAT(codes(say(other, start)), ElementsAre("250", "250", "250", "250", "354", "250"));
}

TEST_F(Catch, HangsUpAsItIsTold) {
  ASSERT_TRUE(replies_.add("connect=421:1"));
  ASSERT_TRUE(replies_.add("mail=drop"));
  CatchSession refused = session();
  EXPECT_THAT(codes(refused.greeting()), ElementsAre("421"));
  EXPECT_TRUE(refused.has_ended());
  CatchSession dropped = session();
  EXPECT_THAT(codes(dropped.greeting()), ElementsAre("220"));
  EXPECT_EQ(say(dropped, "MAIL FROM:<>\r\n"), "");
  EXPECT_TRUE(dropped.has_ended());
}

TEST(ScriptedReply, RefusesWhatIsNone) {
  ScriptedReplies replies;
  for (const char* text : {"", "rcpt", "rcpt=", "quit=451", "rcpt=250", "rcpt=600", "rcpt=0",
                           "rcpt=451:", "rcpt=451:x", "rcpt=451x", "rcpt:451", "=451"}) {
    EXPECT_FALSE(replies.add(text)) << text;
  }
  EXPECT_FALSE(replies.next(Step::rcpt));
}

}  // namespace
}  // namespace postern::relaytest
