// The `[[listener]]` tables: where clients come in, and how.
#pragma once

#include <vector>

#include "daemon/config_reader.h"
#include "daemon/machine.h"

namespace postern::daemon {

/// Without any table: submission by STARTTLS on port 587 and by implicit TLS on port 465 (RFC 8314, 3), on all addresses.
[[nodiscard]] std::vector<ListenerConfig> read_listeners(ConfigReader& reader,
                                                         const Machine& machine);

/// Can clients log in there? Not without TLS, whatever `auth` says.
[[nodiscard]] bool takes_logins(const ListenerConfig& listener);

}  // namespace postern::daemon
