// Files with a secret in them: read only where nobody else on the machine can read them.
#pragma once

#include <string>

#include "mail/parsed.h"

namespace postern::daemon {

inline constexpr std::size_t max_password = 1024;  // octets

/// Why the mode of `path` lets others at it; empty: it does not. Its owner may read and write it, and, where that is root,
/// its group may read it: 0600, 0400, root's 0640.
[[nodiscard]] std::string exposure_of(const std::string& path);

/// The password in `path`: its only line, without the line break. The error is for the operator and holds nothing of it.
[[nodiscard]] mail::Parsed<std::string> read_password(const std::string& path);

}  // namespace postern::daemon
