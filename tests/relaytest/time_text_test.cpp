#include "relaytest/time_text.h"

#include <gtest/gtest.h>

namespace postern::relaytest {
namespace {

using namespace std::chrono_literals;
using std::chrono::system_clock;

TEST(TimeText, ComesBackToTheMillisecond) {
  const auto time = system_clock::from_time_t(1795335330) + 7ms;
  EXPECT_EQ(time_text(time), "2026-11-22T08:15:30.007Z");
  EXPECT_EQ(time_text(time + 999us), "2026-11-22T08:15:30.007Z");
  for (const char* text :
       {"1970-01-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z", "2261-12-31T23:59:59.999Z"}) {
    const auto parsed = parse_time(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(time_text(*parsed), text);
  }
}

TEST(TimeText, IsNothingWhereTheClockHasNoSuchTime) {
  for (const char* text :
       {"", "2026-11-22", "2026-11-22 08:15:30.007Z", "2026-11-22T08:15:30Z",
        "2026-11-22T08:15:30.007+", "2026-11-22T08:15:30.007Z ", "x026-11-22T08:15:30.007Z",
        "2026-02-29T00:00:00.000Z", "2026-13-01T00:00:00.000Z", "2026-00-01T00:00:00.000Z",
        "2026-11-22T24:00:00.000Z", "2026-11-22T08:60:00.000Z", "2026-11-22T08:15:60.000Z",
        "0000-01-01T00:00:00.000Z", "1969-12-31T23:59:59.999Z", "2262-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z"})
    EXPECT_FALSE(parse_time(text)) << text;
}

}  // namespace
}  // namespace postern::relaytest
