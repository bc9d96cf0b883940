// How the tests of the crash matrix go through the scenarios and show what they have counted.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "crash_matrix.h"

namespace postern::queue {

inline constexpr std::array<std::pair<NameModel, std::string_view>, 2> models{
    {{NameModel::strict, "strict"}, {NameModel::journaled, "journaled"}}};

/// A line for people and for tests/crash; fails where a promise is broken.
inline void report(std::string_view what, std::string_view scenario, std::string_view model,
                   const Tally& tally) {
  fmt::print("matrix: {:18} | {:16} | {:10} | {:7} crashes | {:7} states | {}\n", what, scenario,
             model, tally.crashes, tally.states,
             tally.bad == 0 ? "all held" : fmt::format("{} BROKEN", tally.bad));
  std::fflush(stdout);
  EXPECT_EQ(tally.bad, 0U);
  EXPECT_GT(tally.states, 0U);
  for (const std::string& words : tally.broken) ADD_FAILURE() << words;
}

inline std::string test_name(const testing::TestParamInfo<const Scenario*>& tested) {
  std::string name(tested.param->name);
  std::ranges::replace(name, ' ', '_');
  return name;
}

inline std::vector<const Scenario*> all_scenarios() {
  std::vector<const Scenario*> all;
  for (const Scenario& scenario : scenarios()) all.push_back(&scenario);
  return all;
}

class ScenarioTest : public testing::TestWithParam<const Scenario*> {
 protected:
  CrashMatrix::Effort effort = CrashMatrix::effort();
  CrashMatrix matrix{effort};
  const Scenario& scenario = *GetParam();
};

}  // namespace postern::queue
