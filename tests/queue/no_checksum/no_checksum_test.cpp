// The test of the crash matrix that a disk cannot make: a store that checks no checksum. This program has a CRC-32C of its
// own, which is always the same, so that the one of `net` is not linked.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "net/checksum.h"
#include "queue/crash_matrix/crash_matrix.h"

namespace postern::net {

std::uint32_t crc32c(std::string_view, std::uint32_t) { return 0; }

}  // namespace postern::net

namespace postern::queue {
namespace {

void expect_caught(std::string_view what, const Tally& tally) {
  fmt::print("mutant: {:36} broken in {} of {} states\n", what, tally.bad, tally.states);
  EXPECT_GT(tally.bad, 0U) << what;
}

// Only what was torn is wrong: nothing else is the matter with the store.
TEST(NoChecksum, IsCaughtAfterAPowerCut) {
  CrashMatrix matrix({.cuts = 12});
  Tally tally;
  for (const char* name : {"accept small", "many in a batch", "everything"}) {
    tally += matrix.crash_everywhere(matrix.play(scenario(name)), NameModel::strict);
  }
  expect_caught("no checksum, power cut", tally);
  for (const std::string& words : tally.broken) {
    EXPECT_EQ(words.find("was accepted and is lost"), std::string::npos) << words;
  }
}

TEST(NoChecksum, IsCaughtWhereAByteHasChanged) {
  CrashMatrix matrix({});
  expect_caught("no checksum, changed bytes",
                matrix.change_bytes(matrix.play(scenario("many in a batch")), 30));
}

}  // namespace
}  // namespace postern::queue
