// What a configuration allows, in plain words, so that whoever wrote it sees what it does and not only what it says.
#pragma once

#include <string>

#include "daemon/config.h"

namespace postern::daemon {

/// Several paragraphs, each line ended: who may send and how, where mail goes, when is tried again, the limits, the places.
[[nodiscard]] std::string summary_of(const Config& config);

}  // namespace postern::daemon
