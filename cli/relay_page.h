// A run of the relay tester as one HTML page that needs nothing else: no script, no file, no network. What strangers said is
// escaped, and named where it cannot be seen.
#pragma once

#include <string>

#include "relaytest/run.h"

namespace postern::cli {

/// The most that transcripts and returned header sections take of a page, in octets; what is cut says so, and is in `--json`.
inline constexpr std::size_t max_page_transcripts = 1'200'000;

[[nodiscard]] std::string page_of(const relaytest::Run& run);

}  // namespace postern::cli
