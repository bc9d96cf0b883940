#include "daemon/summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "daemon/listener_config.h"
#include "daemon/quantity.h"
#include "daemon/route_config.h"
#include "daemon/selftest_config.h"

namespace postern::daemon {
namespace {

using frames::HopTls;
using frames::ListenerTls;
using mail::AuthPolicy;

std::string joined(const std::vector<std::string>& words, std::string_view last_joint) {
  if (words.size() < 2) return words.empty() ? "" : words.front();
  return fmt::format("{}{}{}", fmt::join(words.begin(), words.end() - 1, ", "), last_joint,
                     words.back());
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

// ── who may send ─────────────────────────────────────────────────────────────────────────────────────────────────────

std::string_view tls_words(ListenerTls tls) {
  switch (tls) {
    case ListenerTls::starttls:
      return "STARTTLS";
    case ListenerTls::implicit:
      return "TLS from the first byte";
    case ListenerTls::none:
      return "no TLS";
  }
  return "";
}

bool takes_networks(const Config& config, const ListenerConfig& listener) {
  return listener.auth != AuthPolicy::required && !config.mynetworks.empty();
}

std::string networks_line(const Config& config, const ListenerConfig& listener) {
  std::vector<std::string> networks;
  for (const mail::Network& network : config.mynetworks) networks.push_back(network.text());
  return fmt::format("    - clients in {}: without a password{}\n", joined(networks, " and "),
                     listener.tls == ListenerTls::starttls ? ", with or without TLS" : "");
}

std::string logins_line(const Config& config, const ListenerConfig& listener) {
  return fmt::format("    - users who log in ({}): from anywhere{}\n",
                     joined(config.mechanisms, ", "),
                     listener.tls == ListenerTls::starttls ? ", after STARTTLS" : "");
}

std::string listener_paragraph(const Config& config, const ListenerConfig& listener) {
  std::string text = fmt::format("  {} ({}) takes mail from\n", joined(listener.addresses, " and "),
                                 tls_words(listener.tls));
  if (takes_networks(config, listener)) text += networks_line(config, listener);
  if (takes_logins(listener)) text += logins_line(config, listener);
  if (listener.auth == AuthPolicy::required)
    text += "    - nobody without a login, not even from mynetworks\n";
  if (listener.auth != AuthPolicy::none && listener.tls == ListenerTls::none) {
    text += "    - no logins: a password is never taken without TLS\n";
  }
  return text;
}

std::string who_may_send(const Config& config) {
  std::string text = "Who may send\n";
  for (const ListenerConfig& listener : config.listeners)
    text += listener_paragraph(config, listener);
  text += "  Everyone else is refused.\n";
  if (std::ranges::any_of(config.listeners, takes_logins)) {
    text += fmt::format(
        "  The users are in {}. Each sends from the own address, and from others that `postern "
        "user list` shows.\n"
        "  The address a user logs in from is {} recipients. Addresses without a domain get @{}.\n",
        config.users_file, config.hide_client ? "kept from" : "shown to", config.domain);
  }
  return text;
}

// ── where mail goes ──────────────────────────────────────────────────────────────────────────────────────────────────

std::string domains(const std::vector<std::string>& list) {
  std::vector<std::string> words;
  for (const std::string& domain : list) {
    words.push_back(domain.starts_with('.') ? "any domain below " + domain.substr(1) : domain);
  }
  return joined(words, " or ");
}

std::string condition_of(const frames::Route& route) {
  if (matches_all(route)) return "All mail";
  std::string text = "Mail";
  if (!route.users.empty()) text += " by the user " + joined(route.users, " or ");
  if (!route.sender_domains.empty()) text += " from " + domains(route.sender_domains);
  if (!route.recipient_domains.empty()) text += " to " + domains(route.recipient_domains);
  return text;
}

std::string_view tls_words(const frames::Relayhost& hop) {
  if (hop.tls == HopTls::opportunistic) return "TLS where it is offered, unverified";
  if (!hop.tls_verify)
    return hop.tls == HopTls::implicit ? "TLS, UNVERIFIED" : "STARTTLS, UNVERIFIED";
  return hop.tls == HopTls::implicit ? "TLS, verified" : "STARTTLS, verified";
}

std::string destination_of(const frames::Route& route) {
  if (route.via.empty()) return "to the MX of each recipient's domain";
  std::vector<std::string> hops;
  for (const frames::Relayhost& hop : route.via) {
    const bool is_v6 = hop.host.find(':') != hop.host.npos;
    hops.push_back(fmt::format("{}{}{}:{} ({})", is_v6 ? "[" : "", hop.host, is_v6 ? "]" : "",
                               hop.port, tls_words(hop)));
  }
  const std::string& user = route.via.front().user;
  return "to " + joined(hops, ", else to ") +
         (user.empty() ? "" : fmt::format(", logged in as {}", user));
}

std::string where_mail_goes(const Config& config) {
  std::string text = "Where mail goes\n";
  std::vector<std::string> steps;
  bool is_complete = false;
  for (const RouteConfig& any : config.routes) {
    if (is_complete) break;  // what comes behind is never reached
    is_complete = matches_all(any.route);
    steps.push_back(is_complete && !steps.empty() ? "All else" : condition_of(any.route));
    steps.back() += " goes " + destination_of(any.route);
  }
  if (!is_complete) {
    steps.push_back(
        fmt::format("{} goes {}", steps.empty() ? "All mail" : "All else", destination_of({})));
  }
  for (std::size_t i = 0; i < steps.size(); ++i)
    text += fmt::format("  {}. {}.\n", i + 1, steps[i]);
  return text;
}

// ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────

std::string when_tried_again(const Config& config) {
  return fmt::format(
      "When a destination cannot take a message\n"
      "  It is tried again after about {}, then ever less often, at least once in {}.\n"
      "  After {} its sender is warned; after {} it goes back to its sender.\n",
      words_of(config.first_retry), words_of(config.max_retry), words_of(config.warn_after),
      words_of(config.expire));
}

std::string limits(const Config& config) {
  return fmt::format(
      "Limits\n"
      "  A message has at most {} and {}.\n"
      "  {} at a time, {} from one address, in {}; {} to one destination.\n"
      "  The queue takes {}, and leaves {} of the disk free.\n",
      words_of_size(config.message_size), counted(config.recipients, "recipient", "recipients"),
      counted(config.connections, "client", "clients"), config.connections_per_ip,
      counted(config.smtpd_workers, "process", "processes"),
      counted(config.connections_per_destination, "connection", "connections"),
      config.queue_max_size == 0 ? "what the disk has" : words_of_size(config.queue_max_size),
      config.queue_reserve == 0 ? "a twentieth" : words_of_size(config.queue_reserve));
}

std::string selftest(const Config& config) {
  const SelftestConfig& selftest = config.selftest;
  const std::string way_back = fmt::format(
      "  Its mail, to postern-self-test.invalid, comes back at {}.\n", selftest.returns);
  std::string text = "Self-test\n";
  if (!selftest.at_start) {
    return text + "  Not at the start ([selftest] at_start). By hand: postern relay-test --self\n" +
           way_back;
  }
  text +=
      "  At the start and after each reload, every listener is tried as a stranger would, from an "
      "address outside mynetworks.\n";
  std::vector<std::string> targets;
  for (const SelftestConfig::Target& target : selftest.targets) targets.push_back(text_of(target));
  if (!targets.empty())
    text += fmt::format("  In addition it tries {}.\n", joined(targets, " and "));
  return text + way_back +
         "  Where Postern takes such mail, it takes no more of anybody until the next reload.\n";
}

std::string places(const Config& config) {
  std::string text =
      fmt::format("Places\n  name         {}\n  queue        {}\n  control      {}\n",
                  config.hostname, config.queue_directory, config.control_socket);
  if (!config.certificate_file.empty())
    text += fmt::format("  certificate  {}\n", config.certificate_file);
  text +=
      fmt::format("  DNS          {}\n", config.resolvers.empty() ? "as in /etc/resolv.conf"
                                                                  : joined(config.resolvers, ", "));
  return text;
}

}  // namespace

std::string summary_of(const Config& config) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", who_may_send(config), where_mail_goes(config),
                     when_tried_again(config), limits(config), selftest(config), places(config));
}

}  // namespace postern::daemon
