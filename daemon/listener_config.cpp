#include "daemon/listener_config.h"

#include <fmt/format.h>

#include <set>

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

/// `seen` has the addresses of all listeners so far.
void read_addresses(Section& table, ListenerConfig& listener, std::set<std::string>& seen) {
  constexpr const char* remedy =
      "write an IP address and a port, such as \"0.0.0.0:587\" or \"[::]:587\"";
  const std::vector<Item> items = table.list("address");
  if (!table.has("address")) table.error("address", "is missing", remedy);
  for (const Item& item : items) {
    const mail::Parsed<Endpoint> endpoint = parse_endpoint(item.text);
    if (!endpoint) {
      table.error("address", item, in_quotes(item.text) + ": " + endpoint.error().reason, remedy);
    } else if (endpoint->port == 0) {
      table.error("address", item, in_quotes(item.text) + " has port 0, which no client can know",
                  remedy);
    } else if (!seen.insert(endpoint->text()).second) {
      table.error("address", item, in_quotes(item.text) + " is already listened on",
                  "remove one of the two");
    } else {
      listener.addresses.push_back(endpoint->text());
    }
  }
}

ListenerConfig read_listener(Section& table, std::set<std::string>& seen) {
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

std::vector<ListenerConfig> read_listeners(ConfigReader& reader, const Machine& machine) {
  std::set<std::string> seen;
  std::vector<ListenerConfig> listeners;
  for (Section& table : reader.sections("listener"))
    listeners.push_back(read_listener(table, seen));
  return listeners.empty() ? default_listeners(machine) : listeners;
}

}  // namespace postern::daemon
