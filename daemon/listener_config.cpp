#include "daemon/listener_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/endpoint.h"

namespace postern::daemon {
namespace {

using frames::ListenerTls;
using mail::AuthPolicy;

constexpr Choices<ListenerTls, 3> tls_choices = {{{"starttls", ListenerTls::starttls},
                                                  {"implicit", ListenerTls::implicit},
                                                  {"none", ListenerTls::none}}};
constexpr Choices<AuthPolicy, 3> auth_choices = {{{"optional", AuthPolicy::optional},
                                                  {"required", AuthPolicy::required},
                                                  {"none", AuthPolicy::none}}};

std::vector<ListenerConfig> default_listeners(const Machine& machine) {
  ListenerConfig submission{{"0.0.0.0:587"}, ListenerTls::starttls, AuthPolicy::optional};
  ListenerConfig submissions{{"0.0.0.0:465"}, ListenerTls::implicit, AuthPolicy::optional};
  if (machine.has_ipv6) {
    submission.addresses.emplace_back("[::]:587");
    submissions.addresses.emplace_back("[::]:465");
  }
  return {std::move(submission), std::move(submissions)};
}

/// The kernel gives an address to one socket only, and 0.0.0.0 is every IPv4 address, [::] every IPv6 one.
bool overlap(const Endpoint& a, const Endpoint& b) {
  return a.port == b.port && a.address.is_v6() == b.address.is_v6() &&
         (a.address == b.address || a.address.is_unspecified() || b.address.is_unspecified());
}

/// `seen` has the addresses of all listeners so far.
void read_addresses(Section& table, ListenerConfig& listener, std::vector<Endpoint>& seen) {
  constexpr const char* remedy =
      "write an IP address and a port, such as \"0.0.0.0:587\" or \"[::]:587\"";
  const std::vector<Item> items = table.list("address");
  if (!table.has("address")) table.error("address", "is missing", remedy);
  for (const Item& item : items) {
    const std::string name = in_quotes(item.text);
    const mail::Parsed<Endpoint> endpoint = parse_endpoint(item.text);
    if (!endpoint) {
      table.error("address", item, name + ": " + endpoint.error().reason, remedy);
    } else if (endpoint->port == 0) {
      table.error("address", item, name + " has port 0, which no client can know", remedy);
    } else if (const auto other = std::ranges::find_if(
                   seen, [&](const Endpoint& any) { return overlap(any, *endpoint); });
               other != seen.end()) {
      table.error("address", item, name + " is already listened on, by " + other->text(),
                  "remove one of the two");
    } else {
      seen.push_back(*endpoint);
      listener.addresses.push_back(endpoint->text());
    }
  }
}

ListenerConfig read_listener(Section& table, std::vector<Endpoint>& seen) {
  ListenerConfig listener;
  read_addresses(table, listener, seen);
  listener.tls = table.choice("tls", ListenerTls::starttls, tls_choices);
  listener.auth = table.choice("auth", AuthPolicy::optional, auth_choices);
  if (listener.tls == ListenerTls::none && listener.auth == AuthPolicy::required) {
    table.error("auth",
                "nobody could send: passwords are never taken without TLS, and tls is \"none\"",
                "set tls to \"starttls\" or \"implicit\"");
  }
  return listener;
}

}  // namespace

bool takes_logins(const ListenerConfig& listener) {
  return listener.auth != AuthPolicy::none && listener.tls != ListenerTls::none;
}

std::vector<ListenerConfig> read_listeners(ConfigReader& reader, const Machine& machine) {
  std::vector<Endpoint> seen;
  std::vector<ListenerConfig> listeners;
  for (Section& table : reader.sections("listener"))
    listeners.push_back(read_listener(table, seen));
  return listeners.empty() ? default_listeners(machine) : listeners;
}

}  // namespace postern::daemon
