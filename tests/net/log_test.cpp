#include "net/log.h"

#include <gtest/gtest.h>

namespace postern::net {
namespace {

TEST(Log, KeepsPlainValuesReadable) {
  EXPECT_EQ(log_line(Level::info, "accepted", {{"to", "a@b.example"}, {"size", 42}}),
            "postern accepted to=a@b.example size=42");
  EXPECT_EQ(log_line(Level::error, "dead", {}), "postern ERROR dead");
}

// Statement 95: nothing that a client sends can end the line or forge another.
TEST(Log, EscapesWhateverIsNotPrintable) {
  EXPECT_EQ(log_line(Level::info, "x", {{"helo", "a\r\nqueue accepted id=1"}}),
            "postern x helo=\"a\\x0d\\x0aqueue accepted id=1\"");
  EXPECT_EQ(log_line(Level::info, "x", {{"helo", std::string("\0\x1b[31m\x7f", 6)}}),
            "postern x helo=\"\\x00\\x1b[31m\"");
  EXPECT_EQ(log_line(Level::info, "x", {{"to", "\"a b\"@c"}}), "postern x to=\"\\\"a b\\\"@c\"");
  EXPECT_EQ(log_line(Level::info, "x", {{"to", ""}}), "postern x to=\"\"");
  EXPECT_EQ(log_line(Level::info, "x", {{"to", "\xc3\xa9"}}), "postern x to=\"\\xc3\\xa9\"");
}

TEST(Log, CutsLongValues) {
  const std::string line = log_line(Level::info, "x", {{"reply", std::string(5000, 'a')}});
  EXPECT_LT(line.size(), max_value + 50);
  EXPECT_TRUE(line.ends_with("..."));
}

}  // namespace
}  // namespace postern::net
