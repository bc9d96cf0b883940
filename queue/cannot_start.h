// Why the spool cannot be used or written, in words that say what to do, and with a code of sysexits.h.
#pragma once

#include <string_view>

#include "net/frames.h"
#include "net/task.h"

namespace postern::queue {

/// `what` went wrong (`cannot be opened`), and how.
[[nodiscard]] frames::CannotStart cannot_start(std::string_view what, const net::error_code& error);

/// What an operator can do about an error of the disk; empty: nobody knows.
[[nodiscard]] std::string_view remedy_for(const net::error_code& error);

}  // namespace postern::queue
