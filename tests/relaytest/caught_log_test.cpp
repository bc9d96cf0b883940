#include "relaytest/caught_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace postern::relaytest {
namespace {

using testing::ElementsAre;

const std::string log_text =
    "listening on 127.0.0.1:2525\n"
    "1 from=<a@b.example> to=<c@d.example>,<e@f.example> 30 bytes \"one\"\n"
    "Subject: one\n\nbody\n\n"
    "2 from=<> to=<c@d.example> 20 bytes \"two\"\n"
    "Subject: two\n\n\n"
    "caught 2 messages\n";

/// Each message once, as it was told of last.
std::vector<CaughtMessage> messages_of(const std::string& text, std::size_t piece) {
  std::vector<CaughtMessage> messages;
  CaughtLog log;
  for (std::size_t i = 0; i < text.size(); i += piece) {
    log.take(text.substr(i, piece), [&](const CaughtMessage& message) {
      const bool is_more_of_it =
          !messages.empty() && message.content.starts_with(messages.back().content);
      if (is_more_of_it) messages.pop_back();
      messages.push_back(message);
    });
  }
  return messages;
}

TEST(CaughtLog, IsReadInPiecesOfAnySize) {
  for (std::size_t piece = 1; piece <= log_text.size(); ++piece) {
    SCOPED_TRACE(piece);
    const auto messages = messages_of(log_text, piece);
    ASSERT_EQ(messages.size(), 2U);
    EXPECT_EQ(messages[0].reverse_path, "a@b.example");
    EXPECT_EQ(messages[0].content, "Subject: one\n\nbody\n\n");
    EXPECT_EQ(messages[1].reverse_path, "");
    EXPECT_THAT(messages[1].content, testing::StartsWith("Subject: two\n\n"));
  }
}

TEST(CaughtLog, TellsOfAMessageOnlyOnceItsHeaderIsWhole) {
  const auto cut = log_text.substr(0, log_text.find("two\n\n"));
  EXPECT_EQ(messages_of(cut, cut.size()).size(), 1U);
  EXPECT_TRUE(messages_of("1 from=<a@b> to=<c@d> 9 bytes \"\"\nSubject: x", 1000).empty());
}

TEST(CaughtLog, KnowsABeginningByTheNumberThatComesNext) {
  const std::string first = "1 from=<a@b> to=<c@d> 9 bytes \"\"\nSubject: x\n\n";
  EXPECT_EQ(messages_of(first + "7 from=<a@b> to=<c@d> 9 bytes \"\"\nSubject: y\n\n", 1000).size(),
            1U);
  EXPECT_EQ(messages_of(first + "2 from me to=<c@d>\n\n", 1000).size(), 1U);
  // Two runs of a catcher in one file.
  EXPECT_EQ(messages_of(first + "1 from=<z@b> to=<c@d> 9 bytes \"\"\nSubject: y\n\n", 1000).size(),
            2U);
}

TEST(CaughtLog, BoundsWhatItKeeps) {
  std::string text = "1 from=<a@b> to=<c@d> 9 bytes \"\"\nSubject: x\n\n" +
                     std::string(CaughtLog::max_line * 3, 'y') + "\n";
  const auto one = messages_of(text, 1000);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_LT(one[0].content.size(), CaughtLog::max_line + 20);
  for (int i = 0; i < 300'000; ++i) text += "0123456789\n";
  std::size_t longest = 0;
  CaughtLog log;
  log.take(text, [&](const CaughtMessage& message) {
    longest = std::max(longest, message.content.size());
  });
  EXPECT_LE(longest, CaughtLog::max_message);
  EXPECT_GT(longest, CaughtLog::max_message / 2);
}

}  // namespace
}  // namespace postern::relaytest
