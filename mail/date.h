// Dates as they stand in header fields (RFC 5322, 3.3).
#pragma once

#include <chrono>
#include <string>

namespace postern::mail {

/// `Sat, 21 Nov 2026 21:25:00 +0000`: always in UTC, which tells nothing about the office.
[[nodiscard]] std::string date_text(std::chrono::system_clock::time_point time);

}  // namespace postern::mail
