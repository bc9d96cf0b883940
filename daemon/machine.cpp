#include "daemon/machine.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

namespace postern::daemon {
namespace {

namespace ip = boost::asio::ip;

constexpr std::size_t max_routes =
    100'000;  // lines read of the kernel's table: a router may have the whole internet's

std::string full_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return {};
  if (std::strchr(name.data(), '.') != nullptr) return name.data();

  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name.data(), nullptr, &hints, &found) != 0) return name.data();
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  return found->ai_canonname != nullptr ? found->ai_canonname : name.data();
}

/// The default gateway in a line of /proc/net/route: interface, destination, gateway, flags, ... mask; each address is a
/// hexadecimal number in the processor's byte order.
std::optional<mail::IpAddress> gateway_v4(const std::string& line) {
  std::istringstream fields(line);
  std::string interface, destination, gateway, flags, references, uses, metric, mask;
  fields >> interface >> destination >> gateway >> flags >> references >> uses >> metric >> mask;
  if (destination != "00000000" || mask != "00000000") return std::nullopt;
  std::uint32_t number = 0;
  std::from_chars(gateway.data(), gateway.data() + gateway.size(), number, 16);
  if (number == 0) return std::nullopt;
  return ip::address_v4(ntohl(number));
}

/// The default gateway in a line of /proc/net/ipv6_route: destination, its prefix, source, its prefix, gateway, ...; each
/// address is 32 hexadecimal digits.
std::optional<mail::IpAddress> gateway_v6(const std::string& line) {
  std::istringstream fields(line);
  std::string destination, prefix, source, source_prefix, gateway;
  fields >> destination >> prefix >> source >> source_prefix >> gateway;
  if (prefix != "00" || gateway.size() != 32) return std::nullopt;
  ip::address_v6::bytes_type bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* digits = gateway.data() + 2 * i;
    std::from_chars(digits, digits + 2, bytes[i], 16);
  }
  const ip::address_v6 address(bytes);
  if (address.is_unspecified()) return std::nullopt;
  return address;
}

template <class Read>
void read_gateways(const char* table, Read read, std::vector<mail::IpAddress>& gateways) {
  std::ifstream file(table);
  std::string line;
  for (std::size_t n = 0; n < max_routes && std::getline(file, line); ++n) {
    if (std::optional<mail::IpAddress> gateway = read(line)) gateways.push_back(*gateway);
  }
}

/// The kernel says what is a bridge. The names are for those that a container engine makes by other means.
bool is_bridge(const std::string& interface) {
  constexpr std::array prefixes = {"docker", "br-", "virbr", "podman", "cni", "lxcbr", "lxdbr"};
  std::error_code ignored;
  return std::filesystem::exists("/sys/class/net/" + interface + "/bridge", ignored) ||
         std::ranges::any_of(prefixes,
                             [&](const char* prefix) { return interface.starts_with(prefix); });
}

std::optional<mail::IpAddress> address_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    return ip::address_v4(ntohl(reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr));
  }
  if (address->sa_family != AF_INET6) return std::nullopt;
  ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr,
              bytes.size());
  return ip::address_v6(bytes);
}

void read_interfaces(Machine& machine) {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) return;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(first, &::freeifaddrs);
  for (const ifaddrs* entry = first; entry != nullptr; entry = entry->ifa_next) {
    const std::optional<mail::IpAddress> address = address_of(entry->ifa_addr);
    if (!address) continue;
    machine.has_ipv6 |= address->is_v6();
    if (!address->is_v6() || !address->to_v6().is_link_local())
      machine.addresses.push_back(*address);
    if (is_bridge(entry->ifa_name)) machine.bridges.push_back({entry->ifa_name, *address});
  }
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.full_name = full_name;
  machine.cores = std::max(1U, std::thread::hardware_concurrency());
  read_gateways("/proc/net/route", gateway_v4, machine.gateways);
  read_gateways("/proc/net/ipv6_route", gateway_v6, machine.gateways);
  read_interfaces(machine);
  return machine;
}

}  // namespace postern::daemon
