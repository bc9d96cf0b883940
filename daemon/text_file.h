// A file that is read whole: the configuration, a certificate, a key.
#pragma once

#include <string>

#include "mail/parsed.h"

namespace postern::daemon {

/// What `path` holds, as it is; at most 1 MiB. The error is the reason, without the path.
[[nodiscard]] mail::Parsed<std::string> read_text_file(const std::string& path);

}  // namespace postern::daemon
