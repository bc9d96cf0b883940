// mynetworks, and the guard around it: this list is the only way to make an open relay by configuration, and the way in which
// it happens is rarely a plain 0.0.0.0/0. It is a network wider than the office, or an address behind which strangers hide.
//
//   never                       more public addresses than any office has, all entries together: the whole internet in one
//                               piece, in halves, or as IPv4 in the disguise of IPv6 (mapped, NAT64)
//   only in trusted_despite     a network wider than /16 (IPv4) or /48 (IPv6), a public one, one with the default gateway in
//                               it, or with the address of a bridge: NAT and container proxies pass on connections of
//                               strangers under these addresses
//
// Loopback is always fine.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/config_reader.h"
#include "daemon/machine.h"
#include "mail/network.h"

namespace postern::daemon {

inline constexpr unsigned widest_v4 = 16;  // bits of the prefix
inline constexpr unsigned widest_v6 = 48;
// All public entries together: no office has more. (6to4, 2002::/16, would be everyone who has an IPv4 address.)
inline constexpr unsigned widest_public_v4 = 8;
inline constexpr unsigned widest_public_v6 = 24;

/// Why to trust `network` may let in strangers, as the end of a sentence that begins with the network; nothing: no reason.
[[nodiscard]] std::optional<std::string> danger_of(const mail::Network& network,
                                                   const Machine& machine);

/// Do the networks together cover more public addresses than any office has?
[[nodiscard]] bool is_open_to_all(const std::vector<mail::Network>& networks);

/// Reads `[access]`.
[[nodiscard]] std::vector<mail::Network> read_mynetworks(Section access, const Machine& machine);

}  // namespace postern::daemon
