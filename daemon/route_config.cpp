#include "daemon/route_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "daemon/endpoint.h"
#include "mail/mailbox.h"

namespace postern::daemon {
namespace {

using frames::HopTls;
using frames::Relayhost;
using mail::Parsed;
using mail::SyntaxError;

struct Scheme {
  std::string_view prefix;
  HopTls tls;
  std::uint16_t port;
};

constexpr Scheme schemes[] = {{"smtp+starttls://", HopTls::starttls, 587},
                              {"smtps://", HopTls::implicit, 465},
                              {"smtp://", HopTls::opportunistic, 25}};

constexpr const char* via_remedy =
    "write \"smtp+starttls://HOST:587\", \"smtps://HOST:465\", \"smtp://HOST:25\", or \"mx\"";

Parsed<std::string> parse_host(const HostPort& parts) {
  const Parsed<mail::IpAddress> address = mail::parse_address(parts.host);
  if (address && address->is_v6() == parts.has_brackets) return address->to_string();
  if (parts.has_brackets) return SyntaxError{fmt::format("\"{}\" is no IPv6 address", parts.host)};
  return mail::parse_domain(parts.host);
}

/// `example.com` is that domain alone, `.example.com` every domain below it.
std::vector<std::string> read_domains(Section& table, std::string_view key) {
  std::vector<std::string> domains;
  for (const Item& item : table.list(key)) {
    const bool is_pattern = item.text.starts_with('.');
    const Parsed<std::string> domain =
        mail::parse_domain(std::string_view(item.text).substr(is_pattern ? 1 : 0));
    if (domain) {
      domains.push_back((is_pattern ? "." : "") + *domain);
    } else {
      table.error(key, item, in_quotes(item.text) + ": " + domain.error().reason,
                  "write \"example.com\" for this domain, \".example.com\" for all below it");
    }
  }
  return domains;
}

std::vector<Relayhost> read_via(Section& table) {
  const std::vector<Item> items = table.list("via");
  if (!table.has("via")) table.error("via", "is missing", via_remedy);
  if (items.size() == 1 && items.front().text == "mx") return {};
  std::vector<Relayhost> via;
  for (const Item& item : items) {
    if (item.text == "mx") {
      table.error("via", item, "\"mx\" stands alone", "remove it, or the relayhosts beside it");
      continue;
    }
    const Parsed<Relayhost> relayhost = parse_relayhost(item.text);
    if (relayhost) {
      via.push_back(*relayhost);
    } else {
      table.error("via", item, in_quotes(item.text) + ": " + relayhost.error().reason, via_remedy);
    }
  }
  return via;
}

/// A password goes only to a server that has proved its name under TLS, never anywhere else.
void check_password(Section& table, const RouteConfig& config, const std::string& user,
                    bool tls_verify) {
  const std::vector<Relayhost>& via = config.route.via;
  if (user.empty() && config.password_file.empty()) return;
  if (user.empty()) {
    table.error("password_file", "is of no use without user", "add user = \"...\"");
  } else if (config.password_file.empty()) {
    table.error("user", "has no password",
                "add password_file = \"...\", the name of a file that has it");
  } else if (via.empty()) {
    table.error("user", "mail by MX is sent without a password", "remove user and password_file");
  } else if (!tls_verify) {
    table.error("tls_verify", "an unverified server would be sent the password",
                "remove tls_verify = false, or user and password_file");
  } else if (std::ranges::count(via, HopTls::opportunistic, &Relayhost::tls) > 0) {
    table.error("via", "smtp:// may be without TLS, and a password is never sent so",
                "use smtp+starttls:// or smtps://, or remove user and password_file");
  }
}

RouteConfig read_route(Section& table, NamedFiles& files) {
  RouteConfig config;
  config.route.recipient_domains = read_domains(table, "recipient_domains");
  config.route.sender_domains = read_domains(table, "sender_domains");
  for (Item& item : table.list("users")) config.route.users.push_back(std::move(item.text));
  config.route.via = read_via(table);
  config.password_file = files.read(table, "password_file", "", FileUse::password);
  const std::string user = table.text("user", "");
  const bool tls_verify = table.flag("tls_verify", true);
  check_password(table, config, user, tls_verify);
  if (!tls_verify) {
    table.warn("tls_verify", "whoever stands in between can read and change the mail of this route",
               "let the relayhost have a certificate that can be verified");
  }
  for (Relayhost& relayhost : config.route.via) {
    relayhost.user = user;
    relayhost.tls_verify = tls_verify;
  }
  return config;
}

}  // namespace

Parsed<Relayhost> parse_relayhost(std::string_view url) {
  const auto* scheme =
      std::ranges::find_if(schemes, [&](const Scheme& any) { return url.starts_with(any.prefix); });
  if (scheme == std::end(schemes)) return SyntaxError{"it begins with no scheme that is known"};
  url.remove_prefix(scheme->prefix.size());
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.find('@') != url.npos) {
    return SyntaxError{"user and password do not belong here, but to user and password_file"};
  }
  const Parsed<HostPort> parts = split_host_port(url);
  if (!parts) return parts.error();
  const Parsed<std::string> host = parse_host(*parts);
  if (!host) return host.error();
  const std::uint16_t port = parts->port.value_or(scheme->port);
  if (port == 0) return SyntaxError{"there is no port 0"};
  return Relayhost{scheme->tls, *host, port, "", true};
}

bool matches_all(const frames::Route& route) {
  return route.recipient_domains.empty() && route.sender_domains.empty() && route.users.empty();
}

std::vector<RouteConfig> read_routes(ConfigReader& reader, NamedFiles& files) {
  std::vector<RouteConfig> routes;
  bool is_reached = true;
  for (Section& table : reader.sections("route")) {
    routes.push_back(read_route(table, files));
    if (!is_reached) {
      table.warn("via", "this route is never used: a route above it takes everything",
                 "move it up, or remove it");
    }
    is_reached = is_reached && !matches_all(routes.back().route);
  }
  return routes;
}

}  // namespace postern::daemon
