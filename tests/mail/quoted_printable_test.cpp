#include "mail/quoted_printable.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::mail {
namespace {

using std::string_literals::operator""s;

TEST(QuotedPrintable, EncodesWhatCannotStand) {
  EXPECT_EQ(to_quoted_printable("plain text\r\n"), "plain text\r\n");
  EXPECT_EQ(to_quoted_printable("1+1=2"), "1+1=3D2");
  EXPECT_EQ(to_quoted_printable("\xc3\xa4\0\x7f"s), "=C3=A4=00=7F");
  EXPECT_EQ(to_quoted_printable("a\rb\nc\r"), "a=0Db=0Ac=0D");
  EXPECT_EQ(to_quoted_printable("end \r\n\tend\t"), "end=20\r\n\tend=09");
}

TEST(QuotedPrintable, BreaksLinesAt76Octets) {
  EXPECT_EQ(to_quoted_printable(std::string(76, 'x')), std::string(76, 'x'));
  EXPECT_EQ(to_quoted_printable(std::string(77, 'x')), std::string(75, 'x') + "=\r\nxx");
  EXPECT_EQ(to_quoted_printable(std::string(73, 'x') + "\xff\xff"),
            std::string(73, 'x') + "=\r\n=FF=FF");
  EXPECT_EQ(to_quoted_printable(std::string(73, 'x') + "\xff\r\n"),
            std::string(73, 'x') + "=FF\r\n");
}

}  // namespace
}  // namespace postern::mail
