#include "queue/log_index.h"

#include <gtest/gtest.h>

namespace postern::queue {
namespace {

// A crash between a copy and the end of what it was copied from leaves both; the older segment is dead then.
TEST(LogIndex, TellsNothingOfASegmentThatHasGone) {
  constexpr mail::MessageId id(7);
  LogIndex index;
  index.reach(1, 0, 500);
  index.put(id, {1, 24, 100, 0}, std::nullopt);
  index.note(id, {1, 149, 50});
  index.reach(2, 0, 500);
  index.put(id, {2, 24, 100, 75}, std::nullopt);
  index.note(id, {2, 149, 50});
  EXPECT_EQ(index.history(id).size(), 2U);
  EXPECT_EQ(index.take_dead_front(), 1U);
  ASSERT_EQ(index.history(id).size(), 1U);
  EXPECT_EQ(index.history(id).front().segment, 2U);
}

}  // namespace
}  // namespace postern::queue
