#include "daemon/vantage.h"

#include <unistd.h>

#include <algorithm>

#include "daemon/machine.h"

namespace postern::daemon {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using mail::IpAddress;
using mail::Network;

constexpr std::size_t offered = 8;  // addresses to borrow, of which one will be free
// Not 127.0.0.1: wrong passwords are counted by source, and that one has users.
constexpr std::uint32_t usual_loopback = 0x7f535401;  // 127.83.84.1

const Network test_net_2 = Network::parse("198.51.100.0/24").value();
const Network documentation = Network::parse("2001:db8::/32").value();

bool is_trusted(const IpAddress& address, const Surroundings& at) {
  return std::ranges::any_of(at.mynetworks,
                             [&](const Network& network) { return network.contains(address); });
}

bool is_for_documentation(const IpAddress& address) {
  return test_net_2.contains(address) || documentation.contains(address);
}

/// Where some of 127.0.0.0/8 is trusted, what is not begins or ends beside a network of mynetworks.
std::optional<IpAddress> untrusted_loopback_v4(const Surroundings& at) {
  std::vector<std::uint32_t> candidates = {usual_loopback};
  for (const Network& network : at.mynetworks) {
    if (!network.address().is_v4()) continue;
    const std::uint32_t first = network.address().to_v4().to_uint();
    const auto size = std::uint64_t{1} << (32 - network.prefix());
    candidates.push_back(first - 1);
    candidates.push_back(static_cast<std::uint32_t>(first + size));
  }
  for (const std::uint32_t candidate : candidates) {
    const address_v4 address(candidate);
    const bool is_usable = address.is_loopback() && candidate != 0x7f000000 &&
                           candidate != 0x7fffffff && candidate != 0x7f000001;
    if (is_usable && !is_trusted(address, at)) return address;
  }
  return std::nullopt;
}

std::optional<IpAddress> untrusted_loopback(bool is_v6, const Surroundings& at) {
  if (!is_v6) return untrusted_loopback_v4(at);
  const IpAddress only = address_v6::loopback();
  const bool is_here = std::ranges::count(at.addresses, only) > 0;
  return is_here && !is_trusted(only, at) ? std::optional(only) : std::nullopt;
}

std::optional<IpAddress> untrusted_own(bool is_v6, const Surroundings& at) {
  const auto found = std::ranges::find_if(at.addresses, [&](const IpAddress& any) {
    return any.is_v6() == is_v6 && !any.is_loopback() && !is_for_documentation(any) &&
           !is_trusted(any, at);
  });
  return found != at.addresses.end() ? std::optional(*found) : std::nullopt;
}

/// The n-th address that can be borrowed, 0 to 253.
IpAddress borrowable(bool is_v6, unsigned n) {
  if (!is_v6) return address_v4(test_net_2.address().to_v4().to_uint() + 1 + n);
  // Each in a /32 + 16 of its own: an office that uses the examples of manuals uses the first ones.
  auto bytes = documentation.address().to_v6().to_bytes();
  bytes[4] = 0x5e;
  bytes[5] = static_cast<unsigned char>(n);
  bytes[15] = 1;
  return address_v6(bytes);
}

void offer_borrowable(bool is_v6, const Surroundings& at, std::vector<Source>& sources) {
  constexpr unsigned count = 254;
  const std::size_t most = sources.size() + offered;
  for (unsigned i = 0; i < count && sources.size() < most; ++i) {
    const IpAddress address = borrowable(is_v6, (at.first + i) % count);
    const bool is_taken = std::ranges::count(at.addresses, address) > 0;
    if (!is_taken && !is_trusted(address, at)) sources.push_back({address, SourceKind::borrowed});
  }
}

}  // namespace

std::vector<Source> choose_sources(bool is_v6, const Surroundings& at) {
  std::vector<Source> sources;
  if (const auto loopback = untrusted_loopback(is_v6, at))
    sources.push_back({*loopback, SourceKind::loopback});
  const auto add_own = [&] {
    if (const auto own = untrusted_own(is_v6, at)) sources.push_back({*own, SourceKind::own});
  };
  // Wrong passwords are counted by the /64 of an IPv6 source (auth/source.h): better not by the one of this machine's neighbours.
  if (!is_v6) add_own();
  if (at.may_borrow) offer_borrowable(is_v6, at, sources);
  if (is_v6) add_own();
  return sources;
}

const Source* Vantage::source(bool is_v6) const {
  const auto found = std::ranges::find_if(
      sources, [&](const Source& any) { return any.address.is_v6() == is_v6; });
  return found != sources.end() ? &*found : nullptr;
}

Vantage find_vantage(const std::vector<Network>& mynetworks, bool with_v4, bool with_v6,
                     std::chrono::seconds lifetime) {
  const Surroundings at{mynetworks, this_machine().addresses, true,
                        static_cast<unsigned>(::getpid())};
  Vantage vantage;
  const auto take_first = [&](bool is_v6, std::string& why) {
    why = "every address of this machine is in mynetworks";
    std::string why_not_borrowed;
    for (const Source& source : choose_sources(is_v6, at)) {
      if (source.kind == SourceKind::borrowed) {
        auto borrowed = BorrowedAddress::borrow(source.address, lifetime, why_not_borrowed);
        if (!borrowed) continue;
        vantage.borrowed.push_back(std::move(*borrowed));
      }
      vantage.sources.push_back(source);
      return why.clear();
    }
    if (!why_not_borrowed.empty()) why += ", and " + why_not_borrowed;
  };
  if (with_v4) take_first(false, vantage.why_no_v4);
  if (with_v6) take_first(true, vantage.why_no_v6);
  return vantage;
}

}  // namespace postern::daemon
