// Why the spool cannot be used, in words that say what to do, and with a code of sysexits.h.
#pragma once

#include <string_view>

#include "net/frames.h"
#include "net/task.h"

namespace postern::queue {

/// `what` went wrong (`cannot be opened`), and how.
[[nodiscard]] frames::CannotStart cannot_start(std::string_view what, const net::error_code& error);

}  // namespace postern::queue
