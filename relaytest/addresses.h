// What the tester asks of addresses: how they stand behind an @, and whence one is reached.
#pragma once

#include <string>
#include <string_view>

#include "mail/network.h"

namespace postern::relaytest {

/// As it stands behind an @ (RFC 5321, 4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`.
[[nodiscard]] std::string literal_of(const mail::IpAddress& address);

/// The address in such a literal; unspecified: `domain` is none.
[[nodiscard]] mail::IpAddress address_in_literal(std::string_view domain);

/// The local address from which the system would reach `target`; unspecified: it knows no way. Sends nothing.
[[nodiscard]] mail::IpAddress usual_source(const mail::IpAddress& target);

}  // namespace postern::relaytest
