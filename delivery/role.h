// The delivery role: what its process runs.
#pragma once

#include "net/fd.h"

namespace postern::delivery {

/// Serves until the supervisor drains this role or its channel ends; the process's exit code.
int run(net::Fd supervisor);

}  // namespace postern::delivery
