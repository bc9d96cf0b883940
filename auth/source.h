// Where logins come from: what failed attempts are counted by.
#pragma once

#include <string>

#include "mail/network.h"

namespace postern::auth {

/// The IPv4 address, or the /64 of an IPv6 address: whoever has one address of such a network has all of it.
[[nodiscard]] std::string source_of(const mail::IpAddress& client);

}  // namespace postern::auth
