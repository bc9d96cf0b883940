// Amounts with their unit, as the configuration writes them: `5m`, `50MiB`. A bare number is an error: nobody should have to
// guess whether it means seconds or minutes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "mail/parsed.h"

namespace postern::daemon {

inline constexpr std::chrono::seconds max_duration = std::chrono::hours(24 * 365);

/// `30s`, `5m`, `4h`, `5d`; at least one second, at most `max_duration`.
[[nodiscard]] mail::Parsed<std::chrono::seconds> parse_duration(std::string_view text);

/// `1000B`, `50kB`, `50MB`, `1GB` (powers of 1000), `512KiB`, `50MiB`, `1GiB` (powers of 1024); in bytes, at least one.
[[nodiscard]] mail::Parsed<std::uint64_t> parse_size(std::string_view text);

/// In words, by the largest unit that divides it: `5 minutes`, `1 day`, `90 seconds`.
[[nodiscard]] std::string words_of(std::chrono::seconds duration);

/// By the largest binary unit that divides it: `50 MiB`, `1000 bytes`.
[[nodiscard]] std::string words_of_size(std::uint64_t bytes);

}  // namespace postern::daemon
