// The text of the configuration file as a Config: everything that can be known without touching a disk.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "daemon/findings.h"
#include "daemon/machine.h"
#include "daemon/named_files.h"

namespace postern::daemon {

struct ParsedConfig {
  Config config;  // complete only where there are no errors
  std::vector<NamedFile> files;
};

/// `file` is where the text comes from: relative paths begin at its folder.
[[nodiscard]] ParsedConfig parse_config(std::string_view text, const std::string& file,
                                        const Machine& machine, Findings& findings);

}  // namespace postern::daemon
