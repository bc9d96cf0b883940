#include "relay_plan.h"

#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "daemon/endpoint.h"
#include "daemon/quantity.h"
#include "failure.h"
#include "foreign_text.h"
#include "mail/ascii.h"
#include "mail/mailbox.h"
#include "relay_names.h"
#include "relaytest/addresses.h"
#include "relaytest/catalogue.h"
#include "relaytest/run_file.h"
#include "relaytest/token.h"
#include "relaytest/undemanding_tls.h"

namespace postern::cli {
namespace {

using mail::IpAddress;
using relaytest::Door;

constexpr std::uint16_t smtp_port = 25;
constexpr std::uint16_t submissions_port = 465;  // TLS from the start (RFC 8314, 3.3)
// Where a mail server takes mail, when the user names no port.
constexpr std::array<std::uint16_t, 3> usual_ports = {smtp_port, submissions_port, 587};
constexpr std::string_view local_part = "relay-test";
constexpr const char* usual_wait = "15m";
constexpr double slowest = 0.001;  // probes a second
constexpr double fastest = 1000;

[[noreturn]] void refuse(const std::string& what) { throw Failure{EX_USAGE, what}; }

std::chrono::seconds duration_of(std::string_view option, const std::string& text) {
  if (text == "0s") return std::chrono::seconds(0);
  const auto duration = daemon::parse_duration(text);
  if (!duration) refuse(fmt::format("{} {}: {}", option, text, duration.error().reason));
  return *duration;
}

IpAddress address_of(std::string_view option, const std::string& text) {
  const auto address = mail::parse_address(text);
  if (!address) refuse(fmt::format("{} {}: {}", option, text, address.error().reason));
  return mail::normalised(*address);
}

/// A name of ours or of the target goes into commands as it is.
void check_name(std::string_view option, const std::string& name) {
  constexpr std::size_t max_name = 255;  // octets (RFC 5321, 4.5.3.1.2)
  const bool is_plain = std::ranges::all_of(name, [](char c) {
    return mail::is_letter(c) || mail::is_digit(c) ||
           std::string_view(".-_:[]").find(c) != std::string_view::npos;
  });
  if (name.size() > max_name || !is_plain)
    refuse(fmt::format("{} {}: a domain, or an address in brackets", option, printable(name)));
}

void check_source(const IpAddress& source) {
  net::asio::io_context loop;
  net::error_code error;
  const net::asio::ip::tcp::endpoint endpoint(source, 0);
  net::asio::ip::tcp::socket socket(loop, endpoint.protocol());
  socket.bind(endpoint, error);
  if (error) refuse(fmt::format("--source {}: {}", source.to_string(), error.message()));
}

/// In tricks the local-part meets others' rules for `%`, `!` and quotes: it must mean nothing by any of them.
void check_address(std::string_view option, const std::string& address) {
  if (address.empty()) return;
  const auto parsed = mail::Mailbox::parse(address);
  const bool is_plain = parsed && std::ranges::all_of(parsed->local_part(), [](char c) {
                          return mail::is_letter(c) || mail::is_digit(c) ||
                                 std::string_view("._+-").find(c) != std::string_view::npos;
                        });
  if (!is_plain || address.front() == '"')
    refuse(fmt::format("{} {}: an address, with letters, digits and . _ + - before its @", option,
                       printable(address)));
}

void check_permission(const RelayArguments& arguments, const std::vector<IpAddress>& addresses) {
  const auto found = std::ranges::find_if(addresses, mail::is_public);
  if (found == addresses.end() || arguments.may_test) return;
  const std::string address = found->to_string();
  const std::string subject =
      arguments.target == address ? address : fmt::format("{} ({})", arguments.target, address);
  refuse(fmt::format(
      "{} is a public address. Who runs a mail server decides who may test it: if that is "
      "you, or you were allowed to, add --i-may-test-this-host",
      subject));
}

/// Our name in EHLO: the machine's, where it is a whole one (RFC 5321, 4.1.4), else the address.
std::string name_from(const IpAddress& source) {
  std::array<char, 256> name{};
  const bool is_known = ::gethostname(name.data(), name.size() - 1) == 0;
  const std::string_view text(name.data());
  return is_known && text.find('.') != text.npos ? std::string(text)
                                                 : relaytest::literal_of(source);
}

std::vector<Door> doors_of(const RelayArguments& arguments, const daemon::HostPort& target,
                           const std::vector<IpAddress>& addresses) {
  std::vector<IpAddress> sources;
  for (const std::string& text : arguments.sources) sources.push_back(address_of("--source", text));
  for (const IpAddress& source : sources) check_source(source);
  std::vector<std::uint16_t> ports(usual_ports.begin(), usual_ports.end());
  if (target.port) ports = {*target.port};
  std::vector<Door> doors;
  for (const IpAddress& address : addresses) {
    const auto source = std::ranges::find(sources, address.is_v6(), &IpAddress::is_v6);
    if (!sources.empty() && source == sources.end()) continue;
    for (const std::uint16_t port : ports) {
      Door door;
      door.address = address;
      door.port = port;
      const bool is_implicit = port == submissions_port || arguments.is_implicit_tls;
      door.tls = is_implicit ? Door::Tls::implicit : Door::Tls::as_offered;
      door.source = source == sources.end() ? IpAddress() : *source;
      door.label = daemon::Endpoint{address, port}.text();
      doors.push_back(std::move(door));
    }
  }
  if (doors.empty()) refuse("--source: the target has no address of its family");
  return doors;
}

net::TcpAcceptor listen_on(const daemon::Endpoint& endpoint, net::Executor executor) {
  try {
    return {executor, net::asio::ip::tcp::endpoint(endpoint.address, endpoint.port)};
  } catch (const boost::system::system_error& failure) {
    throw Failure{EX_UNAVAILABLE,
                  fmt::format("cannot listen on {} for what comes back: {}. Name another place "
                              "by --listen ADDRESS:PORT, or by --returns a mailbox that "
                              "another program fills{}",
                              endpoint.text(), failure.code().message(),
                              endpoint.port < 1024 ? " (port 25 needs root)" : "")};
  }
}

net::TcpAcceptor listen_on(const std::string& text, net::Executor executor) {
  const auto endpoint = daemon::parse_endpoint(text, smtp_port);
  if (!endpoint) refuse(fmt::format("--listen {}: {}", text, endpoint.error().reason));
  return listen_on(*endpoint, executor);
}

/// Where mail for the mailbox arrives by itself: at the address in its domain, or wherever its MX leads on this machine.
net::TcpAcceptor listen_for(const std::string& mailbox, net::Executor executor) {
  const std::string_view domain = std::string_view(mailbox).substr(mailbox.rfind('@') + 1);
  const IpAddress literal = relaytest::address_in_literal(domain);
  const IpAddress anywhere = net::asio::ip::address_v6::any();
  return listen_on({literal.is_unspecified() ? anywhere : literal, smtp_port}, executor);
}

/// Who we are, and where relayed messages come back: as the user says, else by the address from which we connect.
void give_identity(relaytest::Run& run, const RelayArguments& arguments) {
  const Door& first = run.doors.front();
  const IpAddress source =
      first.source.is_unspecified() ? relaytest::usual_source(first.address) : first.source;
  if (source.is_unspecified())
    throw Failure{EX_NOHOST, fmt::format("there is no way to {} from here", arguments.target)};
  const std::string own = fmt::format("{}@{}", local_part, relaytest::literal_of(source));
  run.mailbox = arguments.mailbox.empty() ? own : arguments.mailbox;
  run.sender = run.mailbox;
  run.carrier = arguments.carrier;
  run.us = arguments.hello.empty() ? name_from(source) : arguments.hello;
  check_address("--mailbox", run.mailbox);
  check_address("--carrier", run.carrier);
  if (mail::is_public(source)) return;
  run.remarks.push_back(fmt::format(
      "The tester came from {}. A server that trusts this address (mynetworks) rightly relays "
      "for it: what it does for strangers is seen from another address (--source), or from "
      "another machine.",
      source.to_string()));
}

}  // namespace

RelayPlan new_plan(const RelayArguments& arguments) {
  const auto target = daemon::split_host_port(arguments.target);
  if (!target) refuse(fmt::format("{}: {}", arguments.target, target.error().reason));
  const std::string host(target->host);
  const std::vector<IpAddress> addresses = addresses_of(host);
  check_permission(arguments, addresses);

  check_name("--server", arguments.server);
  check_name("--hello", arguments.hello);

  RelayPlan plan;
  relaytest::Run& run = plan.run;
  run.started = relaytest::system_clock::now();
  run.id = relaytest::new_run_id(run.started);
  run.secret = relaytest::new_secret();
  run.target = arguments.target;
  run.server = arguments.server;
  run.contact = arguments.contact;
  run.listen = arguments.listen;
  run.returns = arguments.returns;
  run.doors = doors_of(arguments, *target, addresses);
  give_identity(run, arguments);
  const auto limit = duration_of("--timeout", arguments.timeout);
  if (run.server.empty()) choose_server_name(run, host, !arguments.is_dry, limit);
  check_mailbox(run);
  check_target_names(run);
  try {
    relaytest::plan_probes(run, arguments.only);
  } catch (const std::invalid_argument& failure) {
    refuse(fmt::format("--only: {}", failure.what()));
  }
  const std::size_t chosen = run.doors.front().probes.size();
  const std::size_t all = relaytest::catalogue().size();
  if (chosen < all)
    run.remarks.push_back(fmt::format("Only {} of {} tricks were chosen.", chosen, all));
  plan.setup = setup_of(arguments);
  return plan;
}

relaytest::Setup setup_of(const RelayArguments& arguments) {
  if (!(arguments.rate >= slowest && arguments.rate <= fastest))
    refuse(fmt::format("--rate: {} to {} a second", slowest, fastest));
  relaytest::Setup setup;
  setup.pace.rate = arguments.rate;
  setup.pace.at_a_time = arguments.at_a_time;
  setup.pace.timeout = duration_of("--timeout", arguments.timeout);
  setup.pace.retry_after = duration_of("--retry-after", arguments.retry_after);
  setup.wait = duration_of("--wait", arguments.wait.empty() ? usual_wait : arguments.wait);
  return setup;
}

void open_returns(RelayPlan& plan, net::Executor executor) {
  relaytest::Run& run = plan.run;
  if (!run.returns.empty()) {
    try {
      plan.setup.elsewhere.emplace(run.returns);
    } catch (const std::runtime_error& failure) {
      refuse(fmt::format("--returns: {}", failure.what()));
    }
    if (run.listen.empty()) return;
  }
  plan.setup.listener =
      run.listen.empty() ? listen_for(run.mailbox, executor) : listen_on(run.listen, executor);
  plan.setup.tls = relaytest::undemanding_server_tls();
  const auto bound = plan.setup.listener->local_endpoint();
  run.listen = daemon::Endpoint{bound.address(), bound.port()}.text();
}

}  // namespace postern::cli
