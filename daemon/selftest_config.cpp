#include "daemon/selftest_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/endpoint.h"
#include "mail/mailbox.h"

namespace postern::daemon {
namespace {

constexpr const char* usual_returns = "127.0.0.1:2526";

/// Also where a listener has the port on all addresses of that family.
bool is_listener(const Endpoint& endpoint, const std::vector<ListenerConfig>& listeners) {
  const auto is_same = [&](const std::string& text) {
    const auto bound = parse_endpoint(text);
    return bound && bound->port == endpoint.port &&
           (bound->address == endpoint.address || bound->address.is_unspecified());
  };
  return std::ranges::any_of(listeners, [&](const ListenerConfig& listener) {
    return std::ranges::any_of(listener.addresses, is_same);
  });
}

/// `is_used`: the test is made at each start.
std::string read_returns(Section& selftest, const std::vector<ListenerConfig>& listeners,
                         bool is_used) {
  constexpr const char* remedy =
      "write a loopback address and a free port, such as \"127.0.0.1:2526\"";
  const std::string text = selftest.text("returns", usual_returns);
  if (text.empty()) return usual_returns;  // already a finding
  const mail::Parsed<Endpoint> endpoint = parse_endpoint(text);
  if (!endpoint || endpoint->port == 0) {
    selftest.error("returns",
                   in_quotes(text) + ": " +
                       (endpoint ? "nothing can be sent to port 0" : endpoint.error().reason),
                   remedy);
  } else if (!endpoint->is_loopback()) {
    selftest.error("returns", in_quotes(text) + " is not a loopback address: others could reach it",
                   remedy);
  } else if (is_listener(*endpoint, listeners)) {
    if (!is_used && text == usual_returns) return text;  // nobody has asked for it
    selftest.error("returns", in_quotes(text) + " is one of the listeners", remedy);
  } else {
    return endpoint->text();
  }
  return usual_returns;
}

mail::Parsed<SelftestConfig::Target> parse_target(std::string_view text) {
  const mail::Parsed<HostPort> parts = split_host_port(text);
  if (!parts) return parts.error();
  if (!parts->port || *parts->port == 0) return mail::SyntaxError{"the port is missing"};
  if (const auto address = mail::parse_address(parts->host))
    return SelftestConfig::Target{mail::normalised(*address).to_string(), *parts->port};
  const mail::Parsed<std::string> name = mail::parse_domain(parts->host);
  if (!name) return name.error();
  return SelftestConfig::Target{*name, *parts->port};
}

}  // namespace

std::string text_of(const SelftestConfig::Target& target) {
  const bool is_v6 = target.host.find(':') != target.host.npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", target.host, is_v6 ? "]" : "", target.port);
}

SelftestConfig read_selftest(Section selftest, const std::vector<ListenerConfig>& listeners) {
  SelftestConfig config;
  config.at_start = selftest.flag("at_start", false);
  config.returns = read_returns(selftest, listeners, config.at_start);
  for (const Item& item : selftest.list("targets")) {
    const auto target = parse_target(item.text);
    if (!target) {
      selftest.error("targets", item, in_quotes(item.text) + ": " + target.error().reason,
                     "write a host and a port, such as \"smarthost.office.example:25\"");
    } else if (config.targets.size() == max_selftest_targets) {
      selftest.error("targets", item, fmt::format("is one more than {}", max_selftest_targets),
                     "name the ways by which strangers come in; one of each is enough");
      break;
    } else {
      config.targets.push_back(*target);
    }
  }
  return config;
}

}  // namespace postern::daemon
