// The selftest role: what its process runs. It lives for one run of the tester against Postern itself.
#pragma once

#include "net/fd.h"

namespace postern::relaytest {

/// Tests by the settings that the supervisor sends, answers with a SelftestResult, and ends; at once where the channel ends. The
/// process's exit code.
int run(net::Fd supervisor);

}  // namespace postern::relaytest
