#include "crash_matrix.h"

#include "report.h"

namespace postern::queue {
namespace {

class CrashMatrixOf : public ScenarioTest {};
INSTANTIATE_TEST_SUITE_P(Scenarios, CrashMatrixOf, testing::ValuesIn(all_scenarios()), test_name);

// Statements 45 and 48.
TEST_P(CrashMatrixOf, KeepsEveryPromiseWheneverThePowerFails) {
  const Played played = matrix.play(scenario);
  ASSERT_GT(played.promises.accepted(), 0U);
  for (const auto& [model, name] : models) {
    report("power cut", scenario.name, name, matrix.crash_everywhere(played, model));
  }
}

TEST_P(CrashMatrixOf, KeepsEveryPromiseWhenTheRestartCrashesToo) {
  const Played played = matrix.play(scenario);
  for (const auto& [model, name] : models) {
    report("restart", scenario.name, name, matrix.crash_restarts(played, model));
  }
}

}  // namespace
}  // namespace postern::queue
