#include "delivery/next_hops.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "mail/ascii.h"

namespace postern::delivery {
namespace {

mail::Failed failed(std::uint16_t code, mail::EnhancedStatus status, std::string text) {
  return mail::Failed{mail::Reply{code, status, std::move(text)}};
}

bool is_ip_address(const std::string& host) {
  boost::system::error_code error;
  boost::asio::ip::make_address(host, error);
  return !error;
}

bool is_ourselves(const MxTarget& target, const MxRules& rules) {
  if (mail::equals_ignoring_case(target.record.host, rules.hostname)) return true;
  return std::ranges::any_of(target.addresses.records, [&](const mail::IpAddress& address) {
    return std::ranges::count(rules.own, Endpoint(address, rules.smtp_port)) > 0;
  });
}

// Ourselves, and all that is no better, would only send mail in circles (RFC 5321, 5.1).
void drop_ourselves(std::vector<MxTarget>& targets, const MxRules& rules) {
  auto own = std::ranges::find_if(
      targets, [&](const MxTarget& target) { return is_ourselves(target, rules); });
  if (own == targets.end()) return;
  const auto limit = own->record.preference;
  std::erase_if(targets, [&](const MxTarget& t) { return t.record.preference >= limit; });
}

// Shuffled, and both families in turns, so that within the cap neither can starve the other (behaviour 64).
std::vector<mail::IpAddress> in_turns(std::vector<mail::IpAddress> addresses, Random& random) {
  std::ranges::shuffle(addresses, random);
  std::vector<mail::IpAddress> v6;
  std::vector<mail::IpAddress> v4;
  for (auto& address : addresses) (address.is_v6() ? v6 : v4).push_back(std::move(address));
  std::vector<mail::IpAddress> turns;
  for (std::size_t i = 0; i < std::max(v6.size(), v4.size()); ++i) {
    if (i < v6.size()) turns.push_back(v6[i]);
    if (i < v4.size()) turns.push_back(v4[i]);
  }
  return turns;
}

// Cuts to the cap. Were one family left out by that alone, its best address takes the last place.
void cap(std::vector<Hop>& hops) {
  if (hops.size() <= max_addresses) return;
  const auto end = hops.begin() + max_addresses;
  const bool first_is_v6 = hops.front().endpoint.address().is_v6();
  const auto is_other = [&](const Hop& hop) {
    return hop.endpoint.address().is_v6() != first_is_v6;
  };
  const auto other = std::find_if(hops.begin(), hops.end(), is_other);
  if (other != hops.end() && other >= end) std::swap(*(end - 1), *other);
  hops.erase(end, hops.end());
}

// Why there is nowhere to go, from what the lookups of all targets said.
NextHops nowhere(const std::string& domain, const std::vector<MxTarget>& targets) {
  for (const MxTarget& target : targets) {
    if (target.addresses.status == net::DnsStatus::temporary_failure) {
      return Unresolved{"DNS gives no addresses of " + target.record.host + ", an MX of " + domain};
    }
  }
  for (const MxTarget& target : targets) {
    if (target.addresses.status == net::DnsStatus::found) {
      return failed(550, {5, 4, 4}, "the mail servers of " + domain + " have no public address");
    }
  }
  return failed(550, {5, 4, 4}, "no mail server of " + domain + " exists");
}

}  // namespace

std::string Hop::text() const {
  return host + '[' + endpoint.address().to_string() + "]:" + std::to_string(endpoint.port());
}

MxHosts mx_hosts_of(const std::string& domain, net::DnsAnswer<net::MxRecord> answer,
                    Random& random) {
  switch (answer.status) {
    case net::DnsStatus::temporary_failure:
      return Unresolved{"DNS gives no answer about the MX of " + domain};
    case net::DnsStatus::no_such_domain:
      return failed(550, {5, 1, 2}, "the domain " + domain + " does not exist");
    case net::DnsStatus::no_data:
      return std::vector{net::MxRecord{0, domain}};
    case net::DnsStatus::found:
      break;
  }
  auto& hosts = answer.records;
  // RFC 7505, 3: a null MX stands alone; beside others it means nothing.
  std::erase_if(hosts, [](const net::MxRecord& record) { return record.host.empty(); });
  if (hosts.empty()) return failed(556, {5, 1, 10}, domain + " takes no mail (null MX)");
  // Shuffled first, sorted stably then: equal ones stay shuffled (RFC 5321, 5.1).
  std::ranges::shuffle(hosts, random);
  std::ranges::stable_sort(hosts, {}, &net::MxRecord::preference);
  if (hosts.size() > max_mx_hosts) hosts.resize(max_mx_hosts);
  return std::move(hosts);
}

NextHops hops_by_mx(const std::string& domain, std::vector<MxTarget> targets, const MxRules& rules,
                    Random& random) {
  drop_ourselves(targets, rules);
  if (targets.empty()) {
    return failed(554, {5, 4, 6}, "mail for " + domain + " loops back to " + rules.hostname);
  }
  std::vector<Hop> hops;
  for (const MxTarget& target : targets) {
    for (const auto& address : in_turns(target.addresses.records, random)) {
      if (!rules.deliver_to_private && !mail::is_public(address)) continue;
      Hop hop;
      hop.host = target.record.host;
      hop.endpoint = Endpoint(address, rules.smtp_port);
      hop.rank = target.record.preference;
      hops.push_back(std::move(hop));
    }
  }
  if (hops.empty()) return nowhere(domain, targets);
  cap(hops);
  return hops;
}

NextHops hops_of(const frames::Relayhost& relayhost, net::DnsAnswer<mail::IpAddress> answer,
                 unsigned rank, Random& random) {
  std::vector<Hop> hops;
  for (const auto& address : in_turns(std::move(answer.records), random)) {
    Hop hop;
    hop.host = relayhost.host;
    hop.endpoint = Endpoint(address, relayhost.port);
    hop.tls = relayhost.tls;
    hop.tls_verify = relayhost.tls_verify;
    hop.user = relayhost.user;
    hop.is_relayhost = true;
    hop.rank = rank;
    hops.push_back(std::move(hop));
  }
  // Never a failure: a wrong word in the configuration bounces no mail.
  if (hops.empty()) {
    const bool is_temporary = answer.status == net::DnsStatus::temporary_failure;
    const char* what = is_temporary ? "DNS gives no addresses of the relayhost "
                                    : "DNS knows no addresses of the relayhost ";
    return Unresolved{what + relayhost.host};
  }
  cap(hops);
  return hops;
}

net::Task<NextHops> find_mx(net::Resolver& resolver, const std::string& domain,
                            const MxRules& rules, Random& random) {
  net::DnsAnswer<net::MxRecord> answer = co_await resolver.mx(domain);
  MxHosts hosts = mx_hosts_of(domain, std::move(answer), random);
  if (auto* failure = std::get_if<mail::Failed>(&hosts)) co_return std::move(*failure);
  if (auto* unresolved = std::get_if<Unresolved>(&hosts)) co_return std::move(*unresolved);
  const auto& records = std::get<std::vector<net::MxRecord>>(hosts);
  // An MX names a host; an address in its place is an error of that domain (RFC 5321, 5.1), and asked about it DNS would
  // say that it does not exist.
  std::vector<std::string> names;
  for (const auto& record : records) {
    names.push_back(is_ip_address(record.host) ? "invalid" : record.host);
  }
  auto addresses = co_await resolver.addresses(std::move(names));
  std::vector<MxTarget> targets;
  for (std::size_t i = 0; i < records.size(); ++i) {
    targets.push_back({records[i], std::move(addresses[i])});
  }
  co_return hops_by_mx(domain, std::move(targets), rules, random);
}

net::Task<NextHops> find_relayhost(net::Resolver& resolver, const frames::Relayhost& relayhost,
                                   unsigned rank, Random& random) {
  boost::system::error_code no_address;
  const auto literal = boost::asio::ip::make_address(relayhost.host, no_address);
  net::DnsAnswer<mail::IpAddress> answer;
  if (no_address) {
    answer = co_await resolver.configured_addresses(relayhost.host);
  } else {
    answer = {net::DnsStatus::found, {literal}};
  }
  co_return hops_of(relayhost, std::move(answer), rank, random);
}

}  // namespace postern::delivery
