#include "daemon/quantity.h"

#include <gtest/gtest.h>

namespace postern::daemon {
namespace {

using std::chrono::seconds;

TEST(Duration, IsANumberWithItsUnit) {
  EXPECT_EQ(parse_duration("30s").value(), seconds(30));
  EXPECT_EQ(parse_duration("5m").value(), seconds(300));
  EXPECT_EQ(parse_duration("4h").value(), seconds(4 * 3600));
  EXPECT_EQ(parse_duration("365d").value(), max_duration);
}

TEST(Size, IsDecimalOrBinary) {
  EXPECT_EQ(parse_size("1000B").value(), 1000U);
  EXPECT_EQ(parse_size("50kB").value(), 50'000U);
  EXPECT_EQ(parse_size("50MB").value(), 50'000'000U);
  EXPECT_EQ(parse_size("512KiB").value(), 512U * 1024);
  EXPECT_EQ(parse_size("50MiB").value(), 50U * 1024 * 1024);
  EXPECT_EQ(parse_size("1GiB").value(), 1024U * 1024 * 1024);
}

struct BadAmount {
  const char* text;
  const char* reason;  // part of it
  const char* why;
};

TEST(Duration, RefusesWhatIsNone) {
  const BadAmount rows[] = {
      {"", "number", "nothing at all"},
      {"5", "no unit", "seconds, or minutes?"},
      {"m", "number", "a unit alone"},
      {"5 m", "unit", "no space between"},
      {"5M", "unit", "M is not m"},
      {"5min", "unit", "one spelling only"},
      {"-5m", "number", "time does not run backwards"},
      {"1.5h", "unit", "no fractions: 90m"},
      {"0s", "nothing", "at once and for ever"},
      {"366d", "year", "over the limit"},
      {"99999999999999999999d", "too large", "does not fit the number"},
      {"18446744073709551615d", "too large", "does not fit once multiplied"},
  };
  for (const BadAmount& row : rows) {
    SCOPED_TRACE(row.why);
    const auto duration = parse_duration(row.text);
    ASSERT_FALSE(duration);
    EXPECT_NE(duration.error().reason.find(row.reason), std::string::npos)
        << duration.error().reason;
  }
}

TEST(Size, RefusesWhatIsNone) {
  for (const char* text : {"50", "50M", "50mib", "MiB", "0B", "1TiB", "18446744073709551615GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(Amount, IsShownInItsLargestWholeUnit) {
  EXPECT_EQ(words_of(seconds(1)), "1 second");
  EXPECT_EQ(words_of(seconds(90)), "90 seconds");
  EXPECT_EQ(words_of(seconds(300)), "5 minutes");
  EXPECT_EQ(words_of(seconds(24 * 3600)), "1 day");
  EXPECT_EQ(words_of_size(50 * 1024 * 1024), "50 MiB");
  EXPECT_EQ(words_of_size(1000), "1000 bytes");
}

}  // namespace
}  // namespace postern::daemon
