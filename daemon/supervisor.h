// The supervisor: reads the configuration, binds the ports, starts the four roles as processes of their own, introduces them
// to each other, restarts one that dies, reloads on SIGHUP, drains on SIGTERM. It parses nothing that came from the network. Where
// a self-test finds that strangers can relay, it takes no more mail until the next reload.
#pragma once

#include <string>

namespace postern::daemon {

/// Where a role's process finds its channel to the supervisor.
inline constexpr int role_descriptor = 3;

/// Runs Postern in the foreground until SIGTERM or SIGINT. The exit code, from sysexits.h.
[[nodiscard]] int supervise(const std::string& config_file);

}  // namespace postern::daemon
