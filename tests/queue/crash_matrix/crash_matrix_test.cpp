#include "crash_matrix.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace postern::queue {
namespace {

constexpr std::array<std::pair<NameModel, std::string_view>, 2> models{
    {{NameModel::strict, "strict"}, {NameModel::journaled, "journaled"}}};

void report(std::string_view what, std::string_view scenario, std::string_view model,
            const Tally& tally) {
  fmt::print("matrix: {:12} {:16} {:10} {:8} crashes {:8} states {}\n", what, scenario, model,
             tally.crashes, tally.states,
             tally.bad == 0 ? "all held" : fmt::format("{} BROKEN", tally.bad));
  std::fflush(stdout);
  EXPECT_EQ(tally.bad, 0U);
  EXPECT_GT(tally.states, 0U);
  for (const std::string& words : tally.broken) ADD_FAILURE() << words;
}

std::string test_name(const testing::TestParamInfo<const Scenario*>& tested) {
  std::string name(tested.param->name);
  std::ranges::replace(name, ' ', '_');
  return name;
}

std::vector<const Scenario*> all_scenarios() {
  std::vector<const Scenario*> all;
  for (const Scenario& scenario : scenarios()) all.push_back(&scenario);
  return all;
}

class CrashMatrixOf : public testing::TestWithParam<const Scenario*> {
 protected:
  CrashMatrix matrix{CrashMatrix::effort()};
  const Scenario& scenario = *GetParam();
};
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
