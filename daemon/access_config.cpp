#include "daemon/access_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace postern::daemon {
namespace {

using mail::Network;

// RFC 1918, RFC 3927; RFC 4193, RFC 4291 (2.5.6). Not 100.64.0.0/10 (RFC 6598): a carrier shares it between its customers.
constexpr std::array private_networks = {"10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
                                         "169.254.0.0/16", "fc00::/7",      "fe80::/10"};
constexpr std::array loopback_networks = {"127.0.0.0/8", "::1/128"};

// RFC 6052, 2.1: the whole of IPv4 once more, as a NAT64 translator shows it.
constexpr const char* nat64_network = "64:ff9b::/96";

/// What one value of a list says, and where it stands.
struct Entry {
  Network network;
  Item item;
};

bool is_within(const Network& inner, const Network& outer) {
  return inner.prefix() >= outer.prefix() && outer.contains(inner.address());
}

bool is_within_any(const Network& network, const auto& names) {
  return std::ranges::any_of(
      names, [&](const char* name) { return is_within(network, Network::parse(name).value()); });
}

bool is_loopback(const Network& network) { return is_within_any(network, loopback_networks); }

bool is_public(const Network& network) {
  return !is_loopback(network) && !is_within_any(network, private_networks);
}

/// The part of all addresses that the public networks of one family cover together. Networks never overlap by halves, so what
/// lies within another is left out, and the rest is added up.
double public_share(const std::vector<Network>& networks, bool is_v6) {
  std::vector<Network> apart;
  for (const Network& network : networks) {
    if (network.address().is_v6() != is_v6 || !is_public(network)) continue;
    const auto covers = [&](const Network& other) { return is_within(network, other); };
    if (std::ranges::any_of(apart, covers)) continue;
    std::erase_if(apart, [&](const Network& other) { return is_within(other, network); });
    apart.push_back(network);
  }
  double share = 0;
  for (const Network& network : apart)
    share += std::ldexp(1.0, -static_cast<int>(network.prefix()));
  return share;
}

std::vector<Entry> read_networks(Section& access, std::string_view key) {
  std::vector<Entry> networks;
  for (Item& item : access.list(key, Section::Empty::allowed)) {
    const mail::Parsed<Network> network = Network::parse(item.text);
    if (network) {
      networks.push_back({*network, std::move(item)});
    } else {
      access.error(key, item, in_quotes(item.text) + ": " + network.error().reason,
                   "write an address, or a network such as \"192.0.2.0/24\" or \"2001:db8::/64\"");
    }
  }
  return networks;
}

bool is_named(const Network& network, const std::vector<Entry>& entries) {
  return std::ranges::find(entries, network, &Entry::network) != entries.end();
}

void check_trust(Section& access, const std::vector<Entry>& entries,
                 const std::vector<Entry>& despite, const Machine& machine) {
  for (const auto& [network, item] : entries) {
    const std::optional<std::string> danger = danger_of(network, machine);
    if (!danger || is_named(network, despite)) continue;
    access.error("mynetworks", item, in_quotes(item.text) + " " + *danger,
                 fmt::format("name the office's own, smaller networks; or, if everyone who comes "
                             "from there may send, add access.trusted_despite = [\"{}\"]",
                             network.text()));
  }
  for (const auto& [network, item] : despite) {
    if (is_named(network, entries)) continue;
    access.error("trusted_despite", item, in_quotes(item.text) + " is not in mynetworks",
                 "it trusts nobody by itself: name exactly the network that mynetworks has, or "
                 "remove it");
  }
}

void refuse_open(Section& access, const std::vector<Entry>& entries) {
  constexpr const char* remedy = "name the office's own networks; nothing overrides this";
  bool is_explained = false;
  for (const auto& [network, item] : entries) {
    if (!is_open_to_all({network})) continue;
    is_explained = true;
    access.error("mynetworks", item,
                 in_quotes(item.text) + " takes mail from everyone: that is an open relay", remedy);
  }
  if (is_explained) return;
  access.error("mynetworks", "its networks together take mail from everyone: that is an open relay",
               remedy);
}

/// All of IPv4 behind a translator, or so much of it that no office has it.
bool is_nat64(const Network& network) {
  const Network nat64 = Network::parse(nat64_network).value();
  const bool is_wide = network.prefix() < nat64.prefix() + widest_public_v4;
  return is_within(nat64, network) || (is_within(network, nat64) && is_wide);
}

}  // namespace

std::optional<std::string> danger_of(const Network& network, const Machine& machine) {
  if (is_loopback(network)) return std::nullopt;
  if (is_public(network)) {
    return "is a public network: whoever gets an address in it could send through this host";
  }
  const unsigned widest = network.address().is_v6() ? widest_v6 : widest_v4;
  if (network.prefix() < widest) {
    return fmt::format(
        "is wider than /{}: it reaches beyond an office, to hosts that nobody looks after", widest);
  }
  for (const mail::IpAddress& gateway : machine.gateways) {
    if (!network.contains(gateway)) continue;
    return fmt::format(
        "contains this host's gateway {}: where the gateway rewrites addresses (NAT), "
        "strangers come in under it",
        gateway.to_string());
  }
  for (const Machine::Bridge& bridge : machine.bridges) {
    if (!network.contains(bridge.address)) continue;
    return fmt::format(
        "contains {}, the address of {}: a container proxy passes on strangers' connections under "
        "it",
        bridge.address.to_string(), bridge.interface);
  }
  return std::nullopt;
}

bool is_open_to_all(const std::vector<Network>& networks) {
  return public_share(networks, false) > std::ldexp(1.0, -static_cast<int>(widest_public_v4)) ||
         public_share(networks, true) > std::ldexp(1.0, -static_cast<int>(widest_public_v6)) ||
         std::ranges::any_of(networks, is_nat64);
}

std::vector<Network> read_mynetworks(Section access, const Machine& machine) {
  const std::vector<Entry> entries = read_networks(access, "mynetworks");
  const std::vector<Entry> despite = read_networks(access, "trusted_despite");
  std::vector<Network> networks;
  for (const Entry& entry : entries) networks.push_back(entry.network);
  if (is_open_to_all(networks)) {
    refuse_open(access, entries);
  } else {
    check_trust(access, entries, despite, machine);
  }
  // An empty list trusts nobody by address.
  if (access.has("mynetworks")) return networks;
  return {Network::parse("127.0.0.0/8").value(), Network::parse("::1/128").value()};
}

}  // namespace postern::daemon
