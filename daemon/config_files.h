// Whether the files that the configuration names are there, can be read, are what they should be, and are not open to others.
#pragma once

#include <chrono>
#include <vector>

#include "daemon/findings.h"
#include "daemon/named_files.h"

namespace postern::daemon {

/// A certificate that ends sooner is warned about: enough time to look after whatever should have renewed it.
inline constexpr std::chrono::days renewal_warning{14};

void check_files(const std::vector<NamedFile>& files, Findings& findings);

}  // namespace postern::daemon
