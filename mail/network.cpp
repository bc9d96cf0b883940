#include "mail/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned mapped_prefix = 96;  // of ::ffff:0:0/96 (RFC 4291, 2.5.5.2)

unsigned bits_of(const IpAddress& address) { return address.is_v4() ? 32 : 128; }

// The address with all bits behind the first `prefix` cleared.
template <class Address>
Address masked(const Address& address, unsigned prefix) {
  auto bytes = address.to_bytes();
  for (auto& byte : bytes) {
    const unsigned kept = std::min(prefix, 8U);
    byte = static_cast<std::uint8_t>(byte & (0xff00U >> kept));
    prefix -= kept;
  }
  return Address(bytes);
}

IpAddress masked(const IpAddress& address, unsigned prefix) {
  if (address.is_v4()) return masked(address.to_v4(), prefix);
  return masked(address.to_v6(), prefix);
}

Parsed<unsigned> parse_prefix(std::string_view text, unsigned longest) {
  unsigned prefix = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), prefix);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  const bool has_leading_zero = text.size() > 1 && text.front() == '0';
  if (!is_number || has_leading_zero || prefix > longest) {
    return SyntaxError{fmt::format("the prefix must be a number from 0 to {}", longest)};
  }
  return prefix;
}

}  // namespace

Parsed<IpAddress> parse_address(std::string_view text) {
  // inet_pton, behind make_address, knows no other forms; but a zone, a NUL and all behind it must not get as far.
  const bool is_plain = std::ranges::all_of(text, [](char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f') || c == '.' || c == ':';
  });
  boost::system::error_code error = boost::asio::error::invalid_argument;
  IpAddress address;
  if (is_plain) address = ip::make_address(std::string(text), error);
  if (error) return SyntaxError{"not an IP address: write it as 192.0.2.1 or 2001:db8::1"};
  return address;
}

IpAddress normalised(IpAddress address) {
  if (address.is_v4()) return address;
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, v6);
  return ip::address_v6(v6.to_bytes());
}

Parsed<Network> Network::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return address.error();
  unsigned prefix = bits_of(*address);
  if (slash != std::string_view::npos) {
    const auto given = parse_prefix(text.substr(slash + 1), prefix);
    if (!given) return given.error();
    prefix = *given;
  }
  const Network network(masked(*address, prefix), prefix);
  if (network.address_ != *address) {
    return SyntaxError{fmt::format("{}/{} has bits behind its prefix: write {}",
                                   address->to_string(), prefix, network.text())};
  }
  // All 96 bits in front are set as they must be: with a shorter prefix they would have been bits behind it.
  const bool is_mapped = address->is_v6() && address->to_v6().is_v4_mapped();
  return is_mapped ? Network(normalised(*address), prefix - mapped_prefix) : network;
}

bool Network::contains(const IpAddress& address) const {
  return masked(normalised(address), prefix_) == address_;
}

std::string Network::text() const {
  return prefix_ == bits_of(address_) ? address_.to_string()
                                      : fmt::format("{}/{}", address_.to_string(), prefix_);
}

bool is_public(const IpAddress& address) {
  static const auto networks = [] {
    std::vector<Network> parsed;
    for (const char* text : {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
                             "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3",
                             "::/128", "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"}) {
      parsed.push_back(Network::parse(text).value());
    }
    return parsed;
  }();
  return std::ranges::none_of(networks,
                              [&](const auto& network) { return network.contains(address); });
}

}  // namespace postern::mail
