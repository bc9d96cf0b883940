// Where logins come from: what failed attempts are counted by.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mail/network.h"

namespace postern::auth {

/// The IPv4 address, or the /64 of an IPv6 address: whoever has one address of such a network has all of it.
[[nodiscard]] std::string source_of(const mail::IpAddress& client);

/// The /48 that a source is part of, which is what a site gets (RFC 6177), and 65536 sources; of IPv6 only.
[[nodiscard]] std::optional<std::string> network_of(std::string_view source);

}  // namespace postern::auth
