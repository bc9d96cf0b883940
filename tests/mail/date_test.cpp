#include "mail/date.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

using namespace std::chrono;

TEST(Date, IsInUtc) {
  const auto time = sys_days{2026y / 11 / 21} + 21h + 25min + 999ms;
  EXPECT_EQ(date_text(time), "Sat, 21 Nov 2026 21:25:00 +0000");
}

TEST(Date, HasTwoDigitsWhereRfc5322HasThem) {
  EXPECT_EQ(date_text(sys_days{2024y / 2 / 29} + 5s), "Thu, 29 Feb 2024 00:00:05 +0000");
  EXPECT_EQ(date_text(sys_days{2027y / 1 / 1}), "Fri, 01 Jan 2027 00:00:00 +0000");
}

TEST(Date, ExistsForEveryTimeOfTheClock) {
  EXPECT_EQ(date_text(system_clock::time_point()), "Thu, 01 Jan 1970 00:00:00 +0000");
  EXPECT_EQ(date_text(system_clock::time_point::max()), "Fri, 11 Apr 2262 23:47:16 +0000");
  EXPECT_EQ(date_text(system_clock::time_point::min()), "Tue, 21 Sep 1677 00:12:44 +0000");
}

}  // namespace
}  // namespace postern::mail
