#include "mail/header.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::mail {
namespace {

TEST(Header, IsTakenApartIntoFieldsAsTheyCame) {
  const std::string_view section =
      "Received: from a\r\n\tby b;\r\n  now\r\nSubject:\r\nX-Empty:  \r\nTo:a@b:c\r\n";
  const auto fields = split_header(section);
  ASSERT_TRUE(fields) << fields.error().reason;
  ASSERT_EQ(fields->size(), 4U);
  EXPECT_EQ((*fields)[0].name, "Received");
  EXPECT_EQ((*fields)[0].value, " from a\r\n\tby b;\r\n  now");
  EXPECT_EQ((*fields)[0].raw, "Received: from a\r\n\tby b;\r\n  now\r\n");
  EXPECT_EQ((*fields)[1].name, "Subject");
  EXPECT_EQ((*fields)[1].value, "");
  EXPECT_EQ((*fields)[2].value, "  ");
  EXPECT_EQ((*fields)[3].value, "a@b:c");
  std::string joined;
  for (const auto& field : *fields) joined += field.raw;
  EXPECT_EQ(joined, section);
}

TEST(Header, MayBeEmpty) { EXPECT_TRUE(split_header("")->empty()); }

TEST(Header, MayLackItsLastLineEnd) {
  const auto fields = split_header("A: b\r\nC: d");
  ASSERT_TRUE(fields);
  EXPECT_EQ(fields->back().value, " d");
  EXPECT_EQ(fields->back().raw, "C: d");
}

TEST(Header, IsRefusedWhereItIsNone) {  // statement 42
  struct Row {
    const char* section;
    const char* why;
  };
  const Row table[] = {
      {"no colon\r\n", "no colon"},
      {"A: b\r\nno colon\r\n", "no colon in the second line"},
      {"From alice Sat Nov 21 21:25:00 2026\r\nA: b\r\n", "an mbox line, whose colons are no help"},
      {": value\r\n", "no name"},
      {"A : b\r\n", "a space in the name"},
      {"A\x01: b\r\n", "a control character in the name"},
      {"\xc3\xa4: b\r\n", "a name outside ASCII"},
      {" folded: first\r\n", "a continuation of nothing"},
      {"\r\nA: b\r\n", "an empty line"},
      {"A: b\r\n\r\nC: d\r\n", "an empty line between"},
      {"A: b\nC: d\r\n", "a bare LF"},
      {"A: b\rC: d\r\n", "a bare CR"},
      {"A: b\r\r\n", "CR CR LF"},
      {"A: b\r", "a CR at the end"},
  };
  for (const auto& row : table) EXPECT_FALSE(split_header(row.section)) << row.why;
}

TEST(Header, HasLimits) {
  std::string many;
  for (std::size_t i = 0; i < max_header_fields; ++i) many += "A:\r\n";
  EXPECT_EQ(split_header(many)->size(), max_header_fields);
  EXPECT_FALSE(split_header(many + "A:\r\n"));
  const std::string longest = "A:" + std::string(max_header_section - 2, 'x');
  EXPECT_TRUE(split_header(longest));
  EXPECT_FALSE(split_header(longest + 'x'));
}

TEST(HeaderField, IsNamedWithoutRegardToCase) {
  const auto fields = *split_header("MESSAGE-id: <a@b>\r\n");
  EXPECT_TRUE(is_named(fields[0], "Message-ID"));
  EXPECT_FALSE(is_named(fields[0], "Message-I"));
  EXPECT_FALSE(is_named(fields[0], "Message_ID"));
}

TEST(HeaderSection, EndsBeforeTheFirstEmptyLine) {
  EXPECT_EQ(header_section_of("A: b\r\n\r\nC: d\r\n\r\n"), "A: b\r\n");
  EXPECT_EQ(header_section_of("A: b\r\nC: d\r\n"), "A: b\r\nC: d\r\n");
  EXPECT_EQ(header_section_of("\r\nbody\r\n\r\n"), "");
  EXPECT_EQ(header_section_of(""), "");
}

}  // namespace
}  // namespace postern::mail
