#include "relaytest/self_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>

#include "mail/ascii.h"
#include "net/dns.h"
#include "net/stream.h"
#include "relaytest/addresses.h"
#include "relaytest/run_file.h"
#include "relaytest/server_name.h"
#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

namespace asio = net::asio;

bool contains(const std::vector<mail::Network>& networks, const mail::IpAddress& address) {
  return std::ranges::any_of(networks,
                             [&](const mail::Network& any) { return any.contains(address); });
}

Door door_to(const frames::SelftestDoor& way, const mail::IpAddress& address,
             const mail::IpAddress& source) {
  Door door;
  door.address = address;
  door.port = way.port;
  door.tls = way.is_implicit ? Door::Tls::implicit : Door::Tls::as_offered;
  door.source = source;
  door.label = way.label;
  if (way.host != address.to_string()) door.label += fmt::format(" at {}", address.to_string());
  return door;
}

void add_door(SelfTest& test, const frames::SelftestDoor& way, const mail::IpAddress& address,
              const mail::IpAddress& usual, const frames::SelftestSettings& settings) {
  const auto source = source_towards(address, usual, settings);
  if (const auto* why = std::get_if<std::string>(&source)) {
    test.gaps.push_back(fmt::format("{}: {}", way.label, *why));
  } else {
    test.run.doors.push_back(door_to(way, address, std::get<mail::IpAddress>(source)));
  }
}

Run run_of(const frames::SelftestSettings& settings) {
  Run run;
  run.secret = new_secret();
  run.target = settings.hostname;
  run.server = settings.hostname;
  run.mailbox = settings.mailbox;
  run.sender = settings.mailbox;
  run.us = "self-test." + settings.mailbox.substr(settings.mailbox.rfind('@') + 1);
  if (settings.listener) run.listen = settings.returns;
  run.contact = "postmaster@" + settings.domain;
  run.started = system_clock::now();
  run.id = new_run_id(run.started);
  run.is_self = true;
  return run;
}

constexpr std::chrono::seconds greeting_limit{10};

/// A door behind which somebody else answers is not ours to test, and what it takes is no finding about us.
net::Task<> leave_out_strangers(SelfTest& test, const std::string& hostname) {
  std::vector<Door> ours;
  for (Door& door : test.run.doors) {
    const std::string greeting = co_await ask_greeting(test.run, door, greeting_limit);
    const std::string_view name = first_word_of_greeting(greeting);
    if (!greeting.starts_with("220") || mail::equals_ignoring_case(name, hostname)) {
      ours.push_back(std::move(door));
    } else {
      test.gaps.push_back(fmt::format(
          "{}: a server that greets as {}, which is not this Postern: `postern relay-test` tests "
          "others",
          door.label, name));
    }
  }
  test.run.doors = std::move(ours);
}

}  // namespace

std::variant<mail::IpAddress, std::string> source_towards(
    const mail::IpAddress& target, const mail::IpAddress& usual,
    const frames::SelftestSettings& settings) {
  if (usual.is_unspecified()) return "there is no way to " + target.to_string() + " from here";
  const bool is_here = target == usual || target.is_loopback();
  if (!is_here) {
    if (!contains(settings.mynetworks, usual)) return usual;
    return fmt::format(
        "{} is reached from {}, which is in mynetworks: only a machine outside can test it, with "
        "`postern relay-test`",
        target.to_string(), usual.to_string());
  }
  const auto ours = std::ranges::find_if(
      settings.sources, [&](const mail::IpAddress& any) { return any.is_v6() == target.is_v6(); });
  if (ours != settings.sources.end()) return *ours;
  return std::string("this machine has no address outside mynetworks to test it from");
}

net::Task<SelfTest> plan_self_test(const frames::SelftestSettings& settings) {
  net::Executor executor = co_await asio::this_coro::executor;
  net::Resolver resolver(executor, settings.resolvers);
  SelfTest test;
  test.run = run_of(settings);
  for (const frames::SelftestDoor& way : settings.doors) {
    if (const auto literal = mail::parse_address(way.host)) {
      add_door(test, way, *literal, usual_source(*literal), settings);
      continue;
    }
    const auto answer = co_await resolver.configured_addresses(way.host);
    if (answer.records.empty()) {
      test.gaps.push_back(fmt::format("{}: DNS gives no address of {}", way.label, way.host));
    }
    for (std::size_t i = 0; i < std::min(answer.records.size(), max_target_addresses); ++i) {
      const mail::IpAddress address = mail::normalised(answer.records[i]);
      add_door(test, way, address, usual_source(address), settings);
    }
  }
  co_await leave_out_strangers(test, settings.hostname);
  plan_probes(test.run, {});
  co_return test;
}

Setup self_test_setup(net::Executor executor, frames::SelftestSettings& settings) {
  Setup setup;
  setup.pace.rate = 50;
  setup.pace.at_a_time =
      1;  // all doors together are few clients, as connections_per_ip counts them
  setup.pace.timeout = std::chrono::seconds(20);  // a wrong password is answered after up to ten
  setup.pace.probe_limit = std::chrono::seconds(60);
  setup.pace.retry_after = std::chrono::seconds(5);
  setup.pace.retries = 1;
  setup.pace.until_accepted = true;
  setup.wait = settings.wait;
  if (settings.listener) {
    const auto colon = settings.returns.rfind(':');
    const bool is_v6 = settings.returns.find(':') != colon;
    setup.listener.emplace(executor);
    setup.listener->assign(is_v6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4(),
                           settings.listener->release());
    settings.listener.reset();
  }
  return setup;
}

}  // namespace postern::relaytest
