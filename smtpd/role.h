// The smtpd role: what its process runs.
#pragma once

#include "net/fd.h"

namespace postern::smtpd {

/// Serves until the supervisor drains this role or its channel ends; the process's exit code.
int run(net::Fd supervisor);

}  // namespace postern::smtpd
