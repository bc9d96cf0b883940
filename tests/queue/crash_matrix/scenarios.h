// What the spool goes through in the crash matrix: each scenario a list of deeds, the same every time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "witnessed_spool.h"

namespace postern::queue {

struct Scenario {
  std::string_view name;
  std::uint64_t segment_size;
  void (*play)(WitnessedSpool& spool);
};

[[nodiscard]] const std::vector<Scenario>& scenarios();
[[nodiscard]] const Scenario& scenario(std::string_view name);

}  // namespace postern::queue
