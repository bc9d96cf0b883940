#include "daemon/selftest_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/endpoint.h"
#include "daemon/machine.h"
#include "daemon/selftest_config.h"
#include "daemon/sockets.h"
#include "daemon/start_failure.h"

namespace postern::daemon {
namespace {

constexpr std::chrono::seconds wait_for_return{20};

/// Where to connect for a listener: itself, or on all addresses the nearest of them.
mail::IpAddress reachable(const mail::IpAddress& listens,
                          const std::vector<mail::IpAddress>& addresses) {
  if (!listens.is_unspecified()) return listens;
  if (listens.is_v4()) return boost::asio::ip::address_v4::loopback();
  const mail::IpAddress loopback = boost::asio::ip::address_v6::loopback();
  const auto any_v6 = std::ranges::find_if(addresses, &mail::IpAddress::is_v6);
  const bool has_loopback = std::ranges::count(addresses, loopback) > 0;
  return has_loopback || any_v6 == addresses.end() ? loopback : *any_v6;
}

std::vector<Endpoint> endpoints_of(const Config& config) {
  std::vector<Endpoint> all;
  for (const ListenerConfig& listener : config.listeners) {
    for (const std::string& address : listener.addresses)
      all.push_back(parse_endpoint(address).value());
  }
  return all;
}

bool needs(bool v6, const Config& config) {
  const auto is_of_family = [&](const mail::IpAddress& address) { return address.is_v6() == v6; };
  return std::ranges::any_of(endpoints_of(config), is_of_family, &Endpoint::address) ||
         std::ranges::any_of(config.selftest.targets, [&](const SelftestConfig::Target& target) {
           const auto address = mail::parse_address(target.host);
           return address ? is_of_family(*address) : !v6;
         });
}

}  // namespace

frames::Route selftest_route(const Config& config) {
  const Endpoint returns = parse_endpoint(config.selftest.returns).value();
  frames::Relayhost back;
  back.tls = frames::HopTls::opportunistic;
  back.host = returns.address.to_string();
  back.port = returns.port;
  frames::Route route;
  route.recipient_domains = {std::string(selftest_domain)};
  route.via = {back};
  return route;
}

SelftestPlan plan_selftest(const Config& config, const Vantage& vantage,
                           const std::vector<mail::IpAddress>& addresses) {
  SelftestPlan plan;
  frames::SelftestSettings& settings = plan.settings;
  settings.hostname = config.hostname;
  settings.domain = config.domain;
  settings.mailbox = fmt::format("relay-test@{}", selftest_domain);
  settings.returns = config.selftest.returns;
  settings.mynetworks = config.mynetworks;
  settings.resolvers = config.resolvers;
  settings.wait = wait_for_return;
  for (const Source& source : vantage.sources) {
    settings.sources.push_back(source.address);
    plan.source += (plan.source.empty() ? "" : " and ") + source.address.to_string();
  }
  for (const ListenerConfig& listener : config.listeners) {
    for (const std::string& text : listener.addresses) {
      const Endpoint listens = parse_endpoint(text).value();
      const bool is_v6 = listens.address.is_v6();
      if (vantage.source(is_v6)) {
        settings.doors.push_back({text, reachable(listens.address, addresses).to_string(),
                                  listens.port, listener.tls == frames::ListenerTls::implicit});
      } else {
        plan.gaps.push_back(text + ": " + (is_v6 ? vantage.why_no_v6 : vantage.why_no_v4));
      }
    }
  }
  for (const SelftestConfig::Target& target : config.selftest.targets) {
    // Port 465 is the one that has TLS from the first byte (RFC 8314, 7.3).
    settings.doors.push_back({text_of(target), target.host, target.port, target.port == 465});
  }
  return plan;
}

SelftestPlan prepare_selftest(const Config& config, Vantage& vantage) {
  // Looked at first: what is borrowed is not among them.
  const std::vector<mail::IpAddress> addresses = this_machine().addresses;
  vantage =
      find_vantage(config.mynetworks, needs(false, config), needs(true, config), borrowed_lifetime);
  SelftestPlan plan = plan_selftest(config, vantage, addresses);
  if (plan.settings.doors.empty()) return plan;
  try {
    plan.settings.listener = bind_listener(config.selftest.returns);
  } catch (const StartFailure& failure) {
    plan.gaps.push_back(fmt::format("that a probe comes back: {}", failure.what()));
  }
  return plan;
}

}  // namespace postern::daemon
