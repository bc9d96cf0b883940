#include "mail/folding.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

std::string unfolded(std::string text) {
  for (auto at = text.find("\r\n"); at != std::string::npos; at = text.find("\r\n", at))
    text.erase(at, 2);
  return text;
}

TEST(Folding, SeesLongLinesOnly) {
  const std::string longest(max_line, 'x');
  EXPECT_FALSE(has_long_line(longest + "\r\n" + longest + "\r\n"));
  EXPECT_TRUE(has_long_line("a\r\n" + longest + "x\r\n"));
  EXPECT_TRUE(has_long_line(longest + "x"));
  EXPECT_FALSE(has_long_line(""));
}

TEST(Folding, IsAtWhiteSpaceOfLongLinesOnly) {  // statement 43
  const std::string words = [] {
    std::string all;
    while (all.size() <= 3 * max_line) all += " word" + std::string(all.size() % 7, 's');
    return all;
  }();
  const std::string word(900, 'w');
  const struct {
    std::string field;
    bool is_folded;
    const char* why;
  } rows[] = {
      {"A: b\r\n", true, "short"},
      {"A: " + std::string(995, 'x') + "\r\n", true, "just not too long"},
      {"A: " + std::string(996, 'x') + "\r\n", true, "it may fold behind the name"},
      {"A:" + std::string(997, 'x') + "\r\n", false, "there is no white space"},
      {"A:" + words + "\r\n", true, "many words"},
      {"A: " + word + "\t" + word + "  " + word + " \r\n", true, "long words, spaces at the end"},
      {"A: " + std::string(2000, ' ') + "b\r\n", false,
       "nothing but spaces: it would fold to an empty line"},
      {"A: b\r\n " + words + "\r\n c\r\n", true, "a folded one with a long line"},
      {"A: b\r\n\t" + std::string(998, 'x') + "\r\n", false, "a folded one without white space"},
      {"A: b " + std::string(999, 'x') + " c\r\n", false, "a long word between others"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto folded = refold(row.field);
    ASSERT_EQ(folded.has_value(), row.is_folded);
    if (!folded) continue;
    EXPECT_FALSE(has_long_line(*folded));
    EXPECT_EQ(unfolded(*folded), unfolded(row.field));
    EXPECT_EQ(folded->find("\r\n\r\n"), std::string::npos);
    if (!has_long_line(row.field)) {
      EXPECT_EQ(*folded, row.field);
    }
  }
}

TEST(Folding, PrefersShortLines) {
  std::string field = "A:";
  while (field.size() <= max_line) field += " word";
  const auto folded = *refold(field + "\r\n");
  for (std::size_t at = 0; at < folded.size(); at = folded.find("\r\n", at) + 2) {
    EXPECT_LE(folded.find("\r\n", at) - at, 78U);
  }
}

}  // namespace
}  // namespace postern::mail
