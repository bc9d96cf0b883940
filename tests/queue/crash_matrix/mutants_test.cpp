// Tests of the crash matrix: a store that breaks a promise must not get past it. What each of them breaks is done by the disk
// that it is given, so nothing in the store is there for it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "broken_disks.h"

namespace postern::queue {
namespace {

constexpr CrashMatrix::Effort effort{.cuts = 6};

template <class BrokenDisk>
std::unique_ptr<Disk> broken(const std::filesystem::path& path,
                             std::shared_ptr<Recorder> recorder) {
  return std::make_unique<BrokenDisk>(path, std::move(recorder));
}

Tally tally_of(const std::string& name, const DiskMaker& make, NameModel model,
               const FaultPlan& faults = {}) {
  CrashMatrix matrix(effort);
  const Played played = matrix.play(scenario(name), faults, make);
  return matrix.crash_everywhere(played, model);
}

void expect_caught(std::string_view mutant, const Tally& tally, std::string_view words) {
  fmt::print("mutant: {:36} broken in {} of {} states\n", mutant, tally.bad, tally.states);
  EXPECT_GT(tally.bad, 0U) << mutant;
  const bool is_said = std::ranges::any_of(tally.broken, [words](const std::string& text) {
    return text.find(words) != std::string::npos;
  });
  EXPECT_TRUE(is_said) << mutant << " is caught, but not for what it does";
}

TEST(Mutants, ThatForgetToSyncAreCaught) {
  for (const char* name : {"accept small", "accept large", "outcomes", "reports"}) {
    for (const NameModel model : {NameModel::strict, NameModel::journaled}) {
      expect_caught(fmt::format("no sync, {}", name), tally_of(name, broken<UnsyncedDisk>, model),
                    "was accepted and is lost");
    }
  }
}

TEST(Mutants, ThatAnswerBeforeTheSyncAreCaught) {
  for (const char* name : {"accept small", "many in a batch"}) {
    expect_caught(fmt::format("late sync, {}", name),
                  tally_of(name, broken<LateSync>, NameModel::strict), "was accepted and is lost");
  }
  expect_caught("late sync, outcomes", tally_of("outcomes", broken<LateSync>, NameModel::strict),
                "was durable and is undone");
}

// Ext4 forgives it, POSIX does not.
TEST(Mutants, ThatForgetToSyncTheDirectoryAreCaughtInTheStrictModel) {
  for (const char* name : {"accept small", "segments", "compaction"}) {
    expect_caught(fmt::format("no sync of names, {}", name),
                  tally_of(name, broken<UnsyncedNames>, NameModel::strict),
                  "was accepted and is lost");
  }
}

TEST(Mutants, ThatRetryAFailedSyncAreCaught) {
  Tally tally;
  for (std::size_t call = 1; call < 20; ++call) {
    tally += tally_of("accept small", broken<RetriedSync>, NameModel::journaled,
                      {FaultPlan::Calls::that_change, call});
  }
  expect_caught("fsync tried again", tally, "was accepted and is lost");
}

// One segment after the other is removed a sync earlier than it was; the first few will do.
TEST(Mutants, ThatRemoveASegmentBeforeItsMailHasMovedAreCaught) {
  CrashMatrix matrix(effort);
  const Played sound = matrix.play(scenario("compaction"));
  Tally tally;
  std::size_t syncs = 0;
  for (const Operation& operation : sound.history) {
    if (tally.bad > 0) break;
    if (operation.kind == Operation::Kind::sync) ++syncs;
    if (operation.kind != Operation::Kind::remove || !operation.name.ends_with(".log")) continue;
    const auto make = [&](const std::filesystem::path& path, std::shared_ptr<Recorder> recorder) {
      return std::make_unique<EarlyRemoval>(path, std::move(recorder), syncs, operation.name);
    };
    tally +=
        matrix.crash_everywhere(matrix.play(scenario("compaction"), {}, make), NameModel::strict);
  }
  expect_caught("a segment removed too early", tally, "was accepted and is lost");
}

}  // namespace
}  // namespace postern::queue
