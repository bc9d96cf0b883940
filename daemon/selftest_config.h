// `[selftest]`: whether Postern tests at its start that it is no open relay, and by which ways.
#pragma once

#include <vector>

#include "daemon/config_reader.h"

namespace postern::daemon {

inline constexpr std::size_t max_selftest_targets = 16;

[[nodiscard]] SelftestConfig read_selftest(Section selftest,
                                           const std::vector<ListenerConfig>& listeners);

}  // namespace postern::daemon
