// Every call that changes the disk fails once, or from then on: whatever the store answers after that holds, when the power
// fails too. And every call that reads, at a start.
#include <gtest/gtest.h>

#include "crash_matrix.h"
#include "report.h"

namespace postern::queue {
namespace {

using boost::system::errc::io_error;
using boost::system::errc::no_space_on_device;

struct Fault {
  std::string_view name;
  std::size_t count;
  boost::system::errc::errc_t error;
};
constexpr std::array<Fault, 4> faults{{
    {"EIO once", 1, io_error},
    {"EIO twice", 2, io_error},
    {"ENOSPC 6 times", 6, no_space_on_device},
    {"EIO for good", SIZE_MAX, io_error},
}};

class FaultsIn : public ScenarioTest {};
INSTANTIATE_TEST_SUITE_P(Scenarios, FaultsIn, testing::ValuesIn(all_scenarios()), test_name);

// Statements 45 and 48.
TEST_P(FaultsIn, EveryCallThatChangesTheDiskLeaveEveryPromiseKept) {
  // Of a long scenario only so many calls, others with another seed.
  const std::size_t stride = effort.is_long ? 1 : 1 + matrix.play(scenario).history.size() / 12;
  for (const auto& [model, model_name] : models) {
    for (std::size_t kind = 0; kind < faults.size(); ++kind) {
      Tally tally;
      bool has_failed = true;
      for (std::size_t n = 1 + (kind + effort.seed) % stride; has_failed; n += stride) {
        const Played played = matrix.play(
            scenario, {FaultPlan::Calls::that_change, n, faults[kind].count, faults[kind].error});
        tally += matrix.crash_at_times(played, model, effort.is_long ? 20 : 4);
        has_failed = played.has_failed;
      }
      report(faults[kind].name, scenario.name, model_name, tally);
    }
  }
}

// It may have dropped the removal: then the segment is there again, and what had ended in it must not live.
TEST(Faults, InTheSyncBehindARemovalUndoNothing) {
  CrashMatrix matrix(CrashMatrix::effort());
  const Scenario& segments = scenario("segments");
  const Played sound = matrix.play(segments);
  Tally tally;
  for (std::size_t at = 1; at < sound.history.size(); ++at) {
    const Operation& before = sound.history[at - 1];
    if (before.kind != Operation::Kind::remove || !before.name.ends_with(".log")) continue;
    // Every operation is one call.
    const Played played = matrix.play(segments, {FaultPlan::Calls::that_change, at + 1});
    tally += matrix.crash_everywhere(played, NameModel::strict);
  }
  report("removal not synced", segments.name, "strict", tally);
}

TEST_P(FaultsIn, ReadingAtAStartLoseNothing) {
  report("EIO on read", scenario.name, "-", matrix.fail_reads(matrix.play(scenario)));
}

// Statement 49.
TEST_P(FaultsIn, OneByteLeaveAllOtherMailWhole) {
  const std::size_t times = effort.is_long ? 2000 : 20;
  report("changed byte", scenario.name, "-", matrix.change_bytes(matrix.play(scenario), times));
}

}  // namespace
}  // namespace postern::queue
