// A run as JSON: for `--json`, and, with its secret, as the file by which it is resumed.
#pragma once

#include <filesystem>
#include <string>

#include "relaytest/run.h"

namespace postern::relaytest {

/// The whole run with its verdicts, without its secret: what `--json` prints. `with_secret`: what is kept for `--resume`.
[[nodiscard]] std::string json_of(const Run& run, bool with_secret = false);

/// Where runs are kept: $XDG_STATE_HOME/postern/relay-test, else ~/.local/state/..., one file RUN.json each, mode 600.
[[nodiscard]] std::filesystem::path runs_directory();

/// Written under another name first, synced, renamed. Throws std::system_error.
void save(const Run& run, const std::filesystem::path& directory);

/// Throws std::runtime_error with words for the user: there is no such run, or its file is damaged.
[[nodiscard]] Run load(const std::string& id, const std::filesystem::path& directory);

}  // namespace postern::relaytest
