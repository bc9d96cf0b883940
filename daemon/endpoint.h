// An IP address and a port, as listeners and resolvers are written: `192.0.2.1:587`, `[2001:db8::1]:587`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/network.h"
#include "mail/parsed.h"

namespace postern::daemon {

struct Endpoint {
  mail::IpAddress address;
  std::uint16_t port = 0;

  bool is_loopback() const { return address.is_loopback(); }
  [[nodiscard]] std::string text() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// Host names are no addresses here: a listener must not depend on DNS. Without `default_port` the port must be there. An
/// IPv4-mapped address is the IPv4 address that it means.
[[nodiscard]] mail::Parsed<Endpoint> parse_endpoint(std::string_view text,
                                                    std::optional<std::uint16_t> default_port = {});

/// The parts of `host:port`, `[v6]:port`, or either without a port, not yet looked at more closely.
struct HostPort {
  std::string_view host;  // without brackets
  std::optional<std::uint16_t> port;
  bool has_brackets = false;
};
[[nodiscard]] mail::Parsed<HostPort> split_host_port(std::string_view text);

}  // namespace postern::daemon
