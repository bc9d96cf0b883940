// The spool's directory before the queue is started: there, and the queue's own.
#pragma once

#include <optional>
#include <string>

#include "daemon/process.h"

namespace postern::daemon {

/// Makes the directory, and gives it to the queue's user alone. One that has something in it is taken only as it is: a typing
/// error must not give `/var` away. `lost+found` of a file system's own is nothing. Throws StartFailure, which says what to do.
void make_spool(const std::string& path, const std::optional<User>& queue);

}  // namespace postern::daemon
