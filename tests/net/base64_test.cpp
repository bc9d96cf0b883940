#include "net/base64.h"

#include <gtest/gtest.h>

namespace postern::net {
namespace {

TEST(Base64, IsReadBackAsItWasWritten) {
  for (const std::string& bytes :
       {std::string(), std::string("f"), std::string("fo"), std::string("foo"),
        std::string("\0alice\0secret", 13), std::string(1000, '\xff')}) {
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  }
  EXPECT_EQ(to_base64("fooba"), "Zm9vYmE=");  // RFC 4648, 10
}

TEST(Base64, IsReadStrictly) {
  struct Row {
    const char* text;
    const char* why;
  };
  const Row rows[] = {
      {"Zg", "padding is missing"},
      {"Zg=", "half the padding"},
      {"Zg===", "too much padding"},
      {"Zh==", "bits behind the end"},
      {" Zg==", "a space"},
      {"Zg==\n", "a line break"},
      {"Z=g=", "padding in the middle"},
      {"Zg==Zg==", "text behind padding"},
      {"Z*==", "a foreign character"},
      {"====", "padding alone"},
  };
  for (const Row& row : rows) EXPECT_FALSE(from_base64(row.text)) << row.why;
}

}  // namespace
}  // namespace postern::net
