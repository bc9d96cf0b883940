#include "delivery/setup.h"

#include <ifaddrs.h>
#include <netinet/in.h>

#include <charconv>
#include <optional>

namespace postern::delivery {
namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(std::string(host), error);
  if (error || bad != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return Endpoint(mail::normalised(address), port);
}

mail::IpAddress address_of(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    return address_v4(ntohl(reinterpret_cast<const sockaddr_in&>(address).sin_addr.s_addr));
  }
  address_v6::bytes_type bytes;
  const auto& octets = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr.s6_addr;
  std::copy(std::begin(octets), std::end(octets), bytes.begin());
  return mail::normalised(address_v6(bytes));
}

std::vector<mail::IpAddress> addresses_of_this_machine() {
  std::vector<mail::IpAddress> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return addresses;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  for (const ifaddrs* at = list; at; at = at->ifa_next) {
    const int family = at->ifa_addr ? at->ifa_addr->sa_family : AF_UNSPEC;
    if (family == AF_INET || family == AF_INET6) addresses.push_back(address_of(*at->ifa_addr));
  }
  return addresses;
}

}  // namespace

std::vector<Endpoint> endpoints_of(const std::vector<std::string>& listeners) {
  std::vector<Endpoint> endpoints;
  for (const std::string& listener : listeners) {
    const auto endpoint = parse_endpoint(listener);
    if (!endpoint) continue;
    if (!endpoint->address().is_unspecified()) {
      endpoints.push_back(*endpoint);
      continue;
    }
    for (const auto& address : addresses_of_this_machine()) {
      endpoints.emplace_back(address, endpoint->port());
    }
  }
  return endpoints;
}

boost::system::result<std::shared_ptr<const Setup>, std::string> setup_of(
    net::Executor executor, const frames::DeliverySettings& settings) {
  auto tls = net::client_tls(settings.tls_ca_file);
  if (!tls) return tls.error();
  auto session = std::make_shared<SessionSetup>();
  session->hostname = settings.hostname;
  session->tls = std::move(*tls);
  auto setup = std::make_shared<Setup>();
  setup->session = std::move(session);
  setup->mx.hostname = settings.hostname;
  setup->mx.own = endpoints_of(settings.own_addresses);
  setup->mx.smtp_port = settings.smtp_port;
  setup->mx.deliver_to_private = settings.deliver_to_private;
  try {
    setup->resolver = std::make_unique<net::Resolver>(executor, settings.resolvers);
  } catch (const std::runtime_error& error) {
    return std::string(error.what());
  }
  return std::shared_ptr<const Setup>(std::move(setup));
}

}  // namespace postern::delivery
