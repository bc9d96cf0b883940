#include "mail/message_id.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace postern::mail {
namespace {

using namespace std::chrono;

TEST(MessageId, IsReadAsItIsShown) {
  for (std::uint64_t value :
       {std::uint64_t{0}, std::uint64_t{31}, std::uint64_t{0x0123456789abcdef},
        std::numeric_limits<std::uint64_t>::max()}) {
    const MessageId id(value);
    EXPECT_EQ(id.text().size(), 13U);
    EXPECT_EQ(MessageId::parse(id.text()), id);
  }
}

TEST(MessageId, IsShownInTheOrderOfTime) {
  EXPECT_LT(MessageId(31).text(), MessageId(32).text());
  EXPECT_LT(MessageId(std::uint64_t{1} << 62).text(), MessageId(std::uint64_t{1} << 63).text());
}

TEST(MessageId, IsNotReadFromAnythingElse) {
  for (const char* text : {"", "0", "000000000000", "00000000000000", "G000000000000",
                           "000000000000U", "000000000000a", "00000000000 0"}) {
    EXPECT_EQ(MessageId::parse(text), std::nullopt) << text;
  }
}

TEST(MessageIdMaker, NeverMakesAnIdTwice) {
  MessageIdMaker maker(5);
  const auto now = sys_days{2026y / 11 / 21} + 21h;
  const auto first = maker.next(now);
  const auto second = maker.next(now);
  const auto third = maker.next(now - 1h);  // the clock went back
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_EQ(first.made_at(), now);
  EXPECT_NE(first, MessageIdMaker(6).next(now)) << "two processes at the same time";
}

}  // namespace
}  // namespace postern::mail
