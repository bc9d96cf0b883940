// Times in UTC, as RFC 3339 writes them, to the millisecond: `2026-11-22T08:15:30.007Z`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace postern::relaytest {

[[nodiscard]] std::string time_text(std::chrono::system_clock::time_point time);

/// Nothing: it has not that form, or there is no such time from 1970 to 2261.
[[nodiscard]] std::optional<std::chrono::system_clock::time_point> parse_time(
    std::string_view text);

}  // namespace postern::relaytest
