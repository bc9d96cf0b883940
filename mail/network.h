// IP networks in CIDR notation, and whether an address lies in one.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "mail/parsed.h"

namespace postern::mail {

using IpAddress = boost::asio::ip::address;

/// An IP address in its usual form, without a zone; `010.0.0.1`, `10.1` or `0x7f000001`, which other programs may read as
/// some address, are errors.
[[nodiscard]] Parsed<IpAddress> parse_address(std::string_view text);

/// An IPv4-mapped IPv6 address (`::ffff:192.0.2.1`) as the IPv4 address that it means, without a zone; others as they are.
[[nodiscard]] IpAddress normalised(IpAddress address);

/// `192.0.2.0/24`, `2001:db8::/32`; a single address is a network of one. Bits set behind the prefix are an error. A
/// mapped network (`::ffff:192.0.2.0/120`) is the IPv4 network that it means.
class Network {
 public:
  [[nodiscard]] static Parsed<Network> parse(std::string_view text);

  [[nodiscard]] bool contains(const IpAddress& address) const;  // normalises the address first
  const IpAddress& address() const { return address_; }
  unsigned prefix() const { return prefix_; }  // bits: 0 to 32, or 0 to 128
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Network&, const Network&) = default;

 private:
  Network(IpAddress address, unsigned prefix) : address_(std::move(address)), prefix_(prefix) {}

  IpAddress address_;
  unsigned prefix_ = 0;
};

/// An address at which strangers can be: not loopback, private, link-local, multicast, unspecified or reserved.
[[nodiscard]] bool is_public(const IpAddress& address);

}  // namespace postern::mail
