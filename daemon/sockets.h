// The descriptors that the supervisor makes, because the roles that use them may not, or must have the same: listeners, the
// control socket, the memory for the count of connections.
#pragma once

#include <map>
#include <string>

#include "daemon/config.h"
#include "net/fd.h"

namespace postern::daemon {

/// Bound and listening sockets by their address as configured.
using BoundSockets = std::map<std::string, net::Fd>;

/// What `config` needs: sockets that are in `have` already are taken from there by duplication, so that connections which
/// wait in them survive a reload; the others are bound. Throws StartFailure where one cannot be.
[[nodiscard]] BoundSockets bind_listeners(const Config& config, const BoundSockets& have);

/// One more, at `address:port`. Throws StartFailure where that cannot be.
[[nodiscard]] net::Fd bind_listener(const std::string& address);

/// The Unix socket of `postern queue ...`, mode 0600, in a folder that is made where it is missing.
[[nodiscard]] net::Fd bind_control(const std::string& path);

/// Memory for the list of those who are connected, which all smtpd share; nothing is in it.
[[nodiscard]] net::Fd make_seats();

/// The same socket under another descriptor, to be handed to a role.
[[nodiscard]] net::Fd duplicate(const net::Fd& fd);

}  // namespace postern::daemon
