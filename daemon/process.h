// Starting a role's process: fork + exec of this same executable, as its own user, with its channel and nothing else.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "net/fd.h"
#include "net/frames.h"

namespace postern::daemon {

/// A system user, by numbers.
struct User {
  uid_t uid = 0;
  gid_t gid = 0;
};

[[nodiscard]] std::string_view name_of(frames::Role role);

/// Whom a role runs as: `postern-NAME` when we are root (selftest: as delivery), nobody else otherwise (then: as whoever
/// started us). Throws StartFailure where we are root and that user does not exist.
[[nodiscard]] std::optional<User> user_of(frames::Role role);

struct Child {
  pid_t pid = 0;
  net::Fd exit;  // a pidfd: readable once the process has ended
};

/// Starts `postern role NAME` with `channel` as descriptor 3. Of this process's descriptors it inherits standard output and
/// error alone; of the environment nothing but sanitizers' options. It can never gain privileges.
[[nodiscard]] Child start_role(frames::Role role, const std::optional<User>& user, net::Fd channel);

}  // namespace postern::daemon
