#include "queue/router.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::queue {
namespace {

bool matches_domain(std::string_view pattern, std::string_view domain) {
  if (pattern.starts_with("*.")) pattern.remove_prefix(1);
  if (pattern.starts_with('.')) return domain.size() > pattern.size() && domain.ends_with(pattern);
  return domain == pattern;
}

bool matches_any(const std::vector<std::string>& patterns, std::string_view domain) {
  return patterns.empty() ||
         std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return matches_domain(pattern, domain); });
}

bool names(const std::vector<std::string>& users, std::string_view login) {
  return users.empty() || std::find(users.begin(), users.end(), login) != users.end();
}

std::string_view scheme_of(frames::HopTls tls) {
  switch (tls) {
    case frames::HopTls::starttls:
      return "smtp+starttls";
    case frames::HopTls::implicit:
      return "smtps";
    default:
      return "smtp";
  }
}

}  // namespace

Router::Router(std::vector<frames::Route> routes) : routes_(std::move(routes)) {
  for (const frames::Route& route : routes_) names_.push_back(destination_name(route.via, {}));
}

// The first route that matches; or how many there are.
std::size_t Router::match(const Sender& sender, std::string_view domain) const {
  const auto found = std::ranges::find_if(routes_, [&](const frames::Route& route) {
    return matches_any(route.recipient_domains, domain) &&
           matches_any(route.sender_domains, sender.domain) && names(route.users, sender.login);
  });
  return static_cast<std::size_t>(found - routes_.begin());
}

const std::vector<frames::Relayhost>& Router::via(const Sender& sender,
                                                  std::string_view domain) const {
  static const std::vector<frames::Relayhost> by_mx;
  const std::size_t route = match(sender, domain);
  return route < routes_.size() ? routes_[route].via : by_mx;
}

std::string_view Router::destination(const Sender& sender, std::string_view domain) const {
  const std::size_t route = match(sender, domain);
  return route < routes_.size() && !names_[route].empty() ? names_[route] : domain;
}

std::string destination_name(const std::vector<frames::Relayhost>& via, std::string_view domain) {
  if (via.empty()) return std::string(domain);
  std::string name;
  for (const frames::Relayhost& host : via) {
    if (!name.empty()) name += ',';
    name += fmt::format("{}://{}{}{}:{}{}", scheme_of(host.tls), host.user,
                        host.user.empty() ? "" : "@", host.host, host.port,
                        host.tls_verify ? "" : "?unverified");
  }
  return name;
}

}  // namespace postern::queue
