#include "mail/reply.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "mail/outcome.h"

namespace postern::mail {
namespace {

using std::string_literals::operator""s;

std::string wire(const Reply& reply) {
  std::string out = "before ";
  reply.append_to(out);
  return out.substr(7);
}

TEST(Reply, IsWrittenLineByLine) {  // statement 13
  EXPECT_EQ(wire({250, {2, 1, 0}, "fine"}), "250 2.1.0 fine\r\n");
  EXPECT_EQ(wire({354, {}, "go ahead"}), "354 go ahead\r\n");
  EXPECT_EQ(wire({250, {}, ""}), "250 \r\n");
  EXPECT_EQ(wire({250, {}, "host\nPIPELINING\nSIZE 1"}),
            "250-host\r\n250-PIPELINING\r\n250 SIZE 1\r\n");
  EXPECT_EQ(wire({550, {5, 7, 1}, "no\nreally"}), "550-5.7.1 no\r\n550 5.7.1 really\r\n");
}

TEST(Reply, HasNoLineOver512Octets) {
  const std::string words = "four " + std::string(600, 'w') + " words here" + std::string(900, ' ');
  for (const auto& text : {words, std::string(5000, 'x'), words + '\n' + words}) {
    std::string_view out;
    const auto all = wire({451, {4, 999, 999}, text});
    for (out = all; !out.empty(); out.remove_prefix(out.find("\r\n") + 2)) {
      EXPECT_LE(out.find("\r\n") + 2, 512U);
      EXPECT_EQ(out.substr(0, 3), "451");
      EXPECT_EQ(out.substr(4, 9), "4.999.999");
    }
  }
  EXPECT_EQ(wire({250, {}, std::string(506, 'x')}), "250 " + std::string(506, 'x') + "\r\n");
  EXPECT_EQ(wire({250, {}, std::string(507, 'x')}),
            "250-" + std::string(506, 'x') + "\r\n250 x\r\n");
}

TEST(Reply, CannotBeSplitByItsText) {
  EXPECT_EQ(wire({250, {}, "a\r\n550 b\0\x1b\xff"s}), "250-a?\r\n250 550 b???\r\n");
}

TEST(Reply, IsOneLineInALog) {
  EXPECT_EQ((Reply{550, {5, 7, 1}, "no\nreally\r"}.one_line()), "550 5.7.1 no really?");
  EXPECT_EQ((Reply{250, {}, ""}.one_line()), "250");
}

TEST(EnhancedStatus, IsTakenOffTheFrontOfAText) {
  struct Row {
    std::string text;
    std::string status;  // empty: none
    std::string rest;
  };
  const Row table[] = {
      {"5.7.1 no", "5.7.1", "no"},
      {"2.0.0", "2.0.0", ""},
      {"4.999.999 x", "4.999.999", "x"},
      {"5.7.1no", "", "5.7.1no"},
      {"3.0.0 x", "", "3.0.0 x"},
      {"5.7 x", "", "5.7 x"},
      {"5.7.1000 x", "", "5.7.1000 x"},
      {"5.-7.1 x", "", "5.-7.1 x"},
      {"192.0.2.1 x", "", "192.0.2.1 x"},
      {"2.0.0.1 x", "", "2.0.0.1 x"},
      {"", "", ""},
      {"x 5.7.1", "", "x 5.7.1"},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.text);
    std::string_view text = row.text;
    const auto status = EnhancedStatus::take_from(text);
    EXPECT_EQ(status ? status->text() : "", row.status);
    EXPECT_EQ(text, row.rest);
  }
}

struct Dialogue {
  std::vector<std::string> lines;
  Reply reply;
  const char* why;
};

TEST(ReplyParser, PutsLinesTogether) {  // statement 67
  const Dialogue table[] = {
      {{"250 ok"}, {250, {}, "ok"}, "one line"},
      {{"250"}, {250, {}, ""}, "a bare code (RFC 5321, 4.2)"},
      {{"250 "}, {250, {}, ""}, "a code and a space"},
      {{"550 5.1.1 nobody"}, {550, {5, 1, 1}, "nobody"}, "a status"},
      {{"550-5.1.1 no", "550 5.1.1 body"}, {550, {5, 1, 1}, "no\nbody"}, "a status on each line"},
      {{"550-5.1.1 no", "550 5.1.2 body"}, {550, {5, 1, 1}, "no\n5.1.2 body"}, "the first counts"},
      {{"550-no", "550 5.1.1 body"}, {550, {}, "no\n5.1.1 body"}, "the first line tells, or none"},
      {{"550 4.2.2 full"}, {550, {}, "4.2.2 full"}, "a status of another class is none"},
      {{"250-a", "250-", "250 b"}, {250, {}, "a\n\nb"}, "an empty line"},
      {{"599 x"}, {599, {}, "x"}, "the greatest code"},
      {{"250 a\r\t\x1b[31m\xc3\xa4\0"s}, {250, {}, "a???[31m???"}, "printable is all that stays"},
  };
  ReplyParser parser;
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    for (std::size_t i = 0; i < row.lines.size(); ++i) {
      const auto is_complete = parser.add_line(row.lines[i]);
      ASSERT_TRUE(is_complete);
      EXPECT_EQ(*is_complete, i + 1 == row.lines.size());
    }
    const auto reply = parser.take();
    EXPECT_EQ(reply, row.reply) << reply.one_line();
  }
}

TEST(ReplyParser, RefusesWhatIsNoReply) {
  const std::vector<std::string> table[] = {
      {""},
      {"25"},
      {"hello"},
      {"25x ok"},
      {"250_ok"},
      {"2500 ok"},
      {"150 ok"},
      {"650 ok"},
      {"000 ok"},
      {"-50 ok"},
      {" 250 ok"},
      {"+25 ok"},
      {"\0 250"s},
      {"HTTP/1.1 400 Bad Request"},
      {"250-a", "251 b"},
      {"250-a", "garbage"},
      {"250-a", ""},
  };
  for (const auto& lines : table) {
    SCOPED_TRACE(lines.back());
    ReplyParser parser;
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) ASSERT_TRUE(parser.add_line(lines[i]));
    EXPECT_FALSE(parser.add_line(lines.back()));
    EXPECT_TRUE(parser.add_line("220 next")) << "nothing of it stays behind";
    EXPECT_EQ(parser.take(), (Reply{220, {}, "next"}));
  }
}

TEST(ReplyParser, KeepsABoundedText) {
  ReplyParser parser;
  for (int i = 0; i < ReplyParser::max_lines - 1; ++i) {
    ASSERT_TRUE(parser.add_line("250-" + std::string(10'000, 'x')));
  }
  ASSERT_TRUE(*parser.add_line("250 end"));
  EXPECT_EQ(parser.take().text, std::string(ReplyParser::max_kept, 'x'));
}

TEST(ReplyParser, CountsLineEndsAsText) {
  ReplyParser parser;
  ASSERT_TRUE(parser.add_line("250-" + std::string(1000, 'x')));
  ASSERT_TRUE(parser.add_line("250 " + std::string(1000, 'y')));
  EXPECT_EQ(parser.take().text, std::string(1000, 'x') + '\n' + std::string(23, 'y'));
}

TEST(ReplyParser, EndsAReplyThatNeverEnds) {
  ReplyParser parser;
  int lines = 0;
  while (parser.add_line("250-")) ++lines;
  EXPECT_EQ(lines, ReplyParser::max_lines);
}

TEST(Outcome, OfAReplyIsByItsFirstDigit) {
  EXPECT_TRUE(std::holds_alternative<Delivered>(outcome_of({250, {}, "ok"})));
  EXPECT_TRUE(std::holds_alternative<Deferred>(outcome_of({451, {}, "later"})));
  EXPECT_TRUE(std::holds_alternative<Failed>(outcome_of({550, {}, "no"})));
  for (const std::uint16_t broken : std::initializer_list<std::uint16_t>{0, 199, 354, 600, 999}) {
    EXPECT_TRUE(std::holds_alternative<Deferred>(outcome_of({broken, {}, ""}))) << broken;
  }
  EXPECT_EQ(reply_of(outcome_of({550, {}, "no"})).text, "no");
}

}  // namespace
}  // namespace postern::mail
