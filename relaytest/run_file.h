// Where runs are kept, so that `relay-test --resume RUN` can look later what came back: one file RUN.json each (run_json.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "relaytest/run.h"
#include "relaytest/run_json.h"

namespace postern::relaytest {

/// A name for a run that begins now: the time, and a random part: `20261122-081530-4f2a`. Sorts by time, and is safe as the name of
/// a file and in a header. Throws where the system has no randomness to give.
[[nodiscard]] std::string new_run_id(system_clock::time_point now);

/// $XDG_STATE_HOME/postern/relay-test where that is an absolute path, else ~/.local/state/postern/relay-test; without a HOME, as a
/// service has it, /var/lib/postern/relay-test.
[[nodiscard]] std::filesystem::path runs_directory();

/// Written under another name first, synced, renamed: mode 600, for its secret makes it possible to forge returns. The folder is
/// made where it is missing, mode 700. Throws std::system_error.
void save(const Run& run, const std::filesystem::path& directory);

/// Throws std::runtime_error with words for the user: this is no name of a run, there is no such run, or its file is damaged.
[[nodiscard]] Run load(const std::string& id, const std::filesystem::path& directory);

}  // namespace postern::relaytest
