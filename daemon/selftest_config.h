// `[selftest]`: whether Postern tests at its start that it is no open relay, and by which ways.
#pragma once

#include <string>
#include <vector>

#include "daemon/config_reader.h"

namespace postern::daemon {

inline constexpr std::size_t max_selftest_targets = 16;

/// `smarthost.office.example:25`, `[2001:db8::25]:465`
[[nodiscard]] std::string text_of(const SelftestConfig::Target& target);

[[nodiscard]] SelftestConfig read_selftest(Section selftest,
                                           const std::vector<ListenerConfig>& listeners);

}  // namespace postern::daemon
