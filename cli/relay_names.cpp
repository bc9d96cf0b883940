#include "relay_names.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>

#include "failure.h"
#include "mail/ascii.h"
#include "net/dns.h"
#include "relaytest/addresses.h"
#include "relaytest/server_name.h"

namespace postern::cli {
namespace {

using mail::IpAddress;
using relaytest::Door;
using relaytest::Run;

/// The result of a coroutine, on a loop of its own. `start` lives longer than what it starts.
template <class Start>
auto await(const Start& start) {
  net::asio::io_context loop{1};
  auto result =
      net::asio::co_spawn(loop.get_executor(), start(loop.get_executor()), net::asio::use_future);
  loop.run();
  return result.get();
}

net::DnsAnswer<IpAddress> look_up(const std::string& host) {
  return await([&](net::Executor executor) -> net::Task<net::DnsAnswer<IpAddress>> {
    net::Resolver resolver(executor, {});
    auto found = co_await resolver.configured_addresses(host);
    co_return found;
  });
}

net::DnsAnswer<net::MxRecord> look_up_mx(const std::string& domain) {
  return await([&](net::Executor executor) -> net::Task<net::DnsAnswer<net::MxRecord>> {
    net::Resolver resolver(executor, {});
    auto found = co_await resolver.mx(domain);
    co_return found;
  });
}

bool is_door(const Run& run, const std::vector<IpAddress>& addresses) {
  return std::ranges::any_of(run.doors, [&](const Door& door) {
    return std::ranges::find(addresses, door.address) != addresses.end();
  });
}

/// Names that DNS does not know (RFC 6761): whoever uses them has arranged for them.
bool is_special(std::string_view domain) {
  constexpr std::array endings = {"test", "invalid", "example", "localhost"};
  return std::ranges::any_of(endings, [&](std::string_view ending) {
    return domain == ending ||
           (domain.ends_with(ending) && domain[domain.size() - ending.size() - 1] == '.');
  });
}

enum class Way { to_target, elsewhere, unknown };

/// Where mail for `domain` goes, as RFC 5321, 5.1 finds it.
Way way_of_mail(const Run& run, const std::string& domain) {
  if (is_special(domain)) return Way::unknown;
  const auto mx = look_up_mx(domain);
  if (mx.status == net::DnsStatus::temporary_failure) return Way::unknown;
  std::vector<std::string> hosts;
  for (const net::MxRecord& record : mx.records) {
    if (!record.host.empty()) hosts.push_back(record.host);
  }
  if (mx.status == net::DnsStatus::no_data) hosts.push_back(domain);
  bool is_somewhere = false;
  for (const std::string& host : hosts) {
    const auto addresses = look_up(host).records;
    if (is_door(run, addresses)) return Way::to_target;
    is_somewhere = is_somewhere || !addresses.empty();
  }
  return is_somewhere ? Way::elsewhere : Way::unknown;
}

bool is_within(std::string_view domain, std::string_view wider) {
  return domain == wider || (domain.size() > wider.size() && domain.ends_with(wider) &&
                             domain[domain.size() - wider.size() - 1] == '.');
}

[[noreturn]] void refuse(const std::string& what) { throw Failure{EX_USAGE, what}; }

}  // namespace

std::vector<IpAddress> addresses_of(const std::string& host) {
  if (const auto address = mail::parse_address(host)) return {mail::normalised(*address)};
  net::DnsAnswer<IpAddress> answer = look_up(host);
  if (answer.status == net::DnsStatus::temporary_failure)
    throw Failure{EX_TEMPFAIL, fmt::format("DNS gives no answer about {}", host)};
  if (answer.records.empty()) throw Failure{EX_NOHOST, fmt::format("{} has no address", host)};
  for (IpAddress& address : answer.records) address = mail::normalised(address);
  return std::move(answer.records);
}

void choose_server_name(Run& run, const std::string& host, bool may_ask,
                        std::chrono::seconds limit) {
  const std::string address = run.doors.front().address.to_string();
  const auto stand_in = [&](std::string_view name, std::string_view why) {
    run.server = address;
    run.remarks.push_back(
        fmt::format("{} {}, so its address stands for its name in the tricks. If it takes mail "
                    "under that name: --server {}",
                    name, why, name));
  };
  run.server = host;
  if (!mail::parse_address(host)) {
    if (way_of_mail(run, host) == Way::elsewhere)
      stand_in(host, "has its mail taken by another machine (MX)");
    return;
  }
  if (!may_ask) return;
  const std::string name =
      await([&](net::Executor) { return relaytest::ask_server_name(run, limit); });
  if (name.empty()) return;
  if (!is_special(name) && is_door(run, look_up(name).records)) {
    run.server = name;
  } else {
    stand_in(name, "is what the server calls itself, but that name does not lead to it");
  }
}

void check_mailbox(const Run& run) {
  const std::string_view mailbox = run.mailbox;
  std::string domain(mailbox.substr(mailbox.rfind('@') + 1));
  for (char& c : domain) c = mail::to_lower(c);
  const std::string local = fmt::format(
      "the target may take mail for {} as its own, and what it keeps would look like relayed. ",
      mailbox);
  const IpAddress address = relaytest::address_in_literal(domain);
  if (!address.is_unspecified()) {
    if (is_door(run, {address}))
      refuse(local + "Connect from another address (--source), or name a --mailbox elsewhere");
    const bool is_outside = std::ranges::any_of(
        run.doors, [](const Door& door) { return mail::is_public(door.address); });
    if (is_outside && !mail::is_public(address)) {
      refuse(
          fmt::format("{} is a private address: to the target it means a machine of its own "
                      "network. Name a --mailbox that mail from outside reaches",
                      mailbox));
    }
    return;
  }
  if (is_within(run.server, domain) || is_within(domain, run.server) ||
      way_of_mail(run, domain) == Way::to_target) {
    refuse(local + "Name a --mailbox at another server");
  }
}

void check_target_names(const Run& run) {
  const std::string carrier = run.carrier.substr(run.carrier.rfind('@') + 1);
  for (const std::string& domain : {run.server, carrier}) {
    const bool is_name =
        !domain.empty() && !domain.starts_with('[') && !mail::parse_address(domain);
    if (is_name && way_of_mail(run, domain) == Way::elsewhere)
      refuse(fmt::format("mail for {} goes to another machine than the target", domain));
  }
}

}  // namespace postern::cli
