#include "daemon/config_sections.h"

#include <fmt/format.h>
#include <sys/un.h>

#include <algorithm>

#include "daemon/access_config.h"
#include "daemon/config_reader.h"
#include "daemon/endpoint.h"
#include "daemon/listener_config.h"
#include "daemon/route_config.h"
#include "daemon/selftest_config.h"
#include "mail/mailbox.h"

namespace postern::daemon {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr std::uint64_t mebibyte = 1024 * 1024;
constexpr std::uint64_t least_spool = 16 * mebibyte;
constexpr std::uint64_t most_spool = 1024 * 1024 * 1024 * mebibyte;
constexpr std::uint64_t least_message_size = 64 * 1024;  // RFC 5321, 4.5.3.1.7
constexpr std::uint64_t most_message_size = 1024 * mebibyte;
constexpr std::uint32_t least_recipients = 100;  // RFC 5321, 4.5.3.1.8
// An envelope travels in one frame (net::max_frame). Where many recipients have long ORCPTs, smtpd::Session::max_recipient_octets
// is reached first.
constexpr std::uint32_t most_recipients = 3000;
constexpr std::uint32_t most_processes = 64;

/// Reads the sections that have no file of their own.
class Sections {
 public:
  Sections(std::string_view text, const std::string& file, const Machine& machine,
           Findings& findings)
      : reader_(text, findings), machine_(machine), files_(file) {
    config_.file = file;
  }

  ParsedConfig read() && {
    if (!reader_.is_readable()) return {};
    config_.listeners = read_listeners(reader_, machine_);
    config_.mynetworks = read_mynetworks(reader_.section("access"), machine_);
    read_tls(reader_.section("tls"));
    read_auth(reader_.section("auth"));
    read_queue(reader_.section("queue"));
    config_.routes = read_routes(reader_, files_);
    read_delivery(reader_.section("delivery"));
    read_dns(reader_.section("dns"));
    read_limits(reader_.section("limits"));
    config_.hide_client = reader_.section("submission").flag("hide_client", true);
    read_control(reader_.section("control"));
    read_sandbox(reader_.section("sandbox"));
    config_.selftest = read_selftest(reader_.section("selftest"), config_.listeners);
    const Section top = reader_.top();
    read_hostname(top);
    read_domain(top);
    reader_.report_unknown();
    return {std::move(config_), files_.all()};
  }

 private:
  void read_tls(Section section);
  void read_auth(Section section);
  void read_queue(Section section);
  void read_delivery(Section section);
  void read_dns(Section section);
  void read_limits(Section section);
  void read_control(Section section);
  void read_sandbox(Section section);
  void read_hostname(Section top);
  void read_domain(Section top);
  bool stays_on_this_machine() const;

  ConfigReader reader_;
  const Machine& machine_;
  NamedFiles files_;
  Config config_;
};

void Sections::read_tls(Section section) {
  config_.certificate_file = files_.read(section, "certificate", "", FileUse::certificate);
  config_.private_key_file = files_.read(section, "private_key", "", FileUse::private_key);
  if (config_.certificate_file.empty() != config_.private_key_file.empty()) {
    section.error(config_.certificate_file.empty() ? "certificate" : "private_key", "is missing",
                  "name both: a certificate and its key");
    return;
  }
  const bool is_needed = std::ranges::any_of(config_.listeners, [](const ListenerConfig& any) {
    return any.tls != frames::ListenerTls::none;
  });
  if (!is_needed || !config_.certificate_file.empty()) return;
  section.error(
      "certificate",
      "is missing: a listener has TLS (all have, where no [[listener]] says otherwise)",
      "name certificate and private_key; or set tls = \"none\", and then nobody can log in there");
}

void Sections::read_auth(Section section) {
  const std::vector<std::string> known = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"};
  config_.users_file = files_.absolute(section.text("users", "/etc/postern/users"));
  if (std::ranges::any_of(config_.listeners, takes_logins)) {
    files_.add(section, "users", config_.users_file, FileUse::users);
  }
  for (const Item& item : section.list("mechanisms")) {
    if (std::ranges::count(known, item.text) > 0) {
      config_.mechanisms.push_back(item.text);
    } else {
      section.error(
          "mechanisms", item, in_quotes(item.text) + " is not known here",
          "choose from \"PLAIN\", \"LOGIN\", \"SCRAM-SHA-256\" and \"SCRAM-SHA-256-PLUS\"");
    }
  }
  // Not -PLUS unless it is asked for: Debian 12's mutt takes it wherever it is offered, and then cannot do it.
  if (config_.mechanisms.empty()) config_.mechanisms.assign(known.begin(), known.end() - 1);
}

void Sections::read_queue(Section section) {
  config_.queue_directory = files_.absolute(section.text("directory", "/var/spool/postern"));
  config_.first_retry = section.duration("first_retry", minutes(5));
  config_.max_retry =
      section.duration("max_retry", std::max<std::chrono::seconds>(config_.first_retry, hours(1)));
  config_.expire = section.duration("expire", hours(5 * 24));
  config_.warn_after =
      section.duration("warn_after", std::min<std::chrono::seconds>(config_.expire, hours(4)));
  config_.queue_max_size = section.size("max_size", 0, least_spool, most_spool);
  config_.queue_reserve = section.size("reserve", 0, mebibyte, most_spool);
  if (config_.max_retry < config_.first_retry) {
    section.error("max_retry", "is shorter than first_retry",
                  "retries get rarer, never denser: make it longer");
  }
  if (config_.expire < config_.first_retry) {
    section.error("expire", "is shorter than first_retry: nothing would be tried twice",
                  "make it longer");
  }
  if (config_.expire < config_.warn_after) {
    section.error("warn_after", "is longer than expire: nobody would be warned", "make it shorter");
  }
}

void Sections::read_delivery(Section section) {
  config_.smtp_port = static_cast<std::uint16_t>(section.number("smtp_port", 25, 1, 65535));
  config_.connections_per_destination = section.number("connections", 20, 1, 1000);
  config_.tls_ca_file = files_.read(section, "tls_ca_file", "/etc/ssl/certs/ca-certificates.crt",
                                    FileUse::ca_certificates);
  config_.deliver_to_private = section.flag("deliver_to_private", false);
}

void Sections::read_dns(Section section) {
  for (const Item& item : section.list("resolvers")) {
    const mail::Parsed<Endpoint> resolver = parse_endpoint(item.text, 53);
    if (resolver && resolver->port != 0) {
      config_.resolvers.push_back(resolver->text());
    } else {
      section.error(
          "resolvers", item,
          in_quotes(item.text) + ": " + (resolver ? "there is no port 0" : resolver.error().reason),
          "write an IP address, and a port where it is not 53, such as \"127.0.0.1:53\"");
    }
  }
  section.not_yet("trust_ad", "remove it; DNSSEC is used for nothing until DANE comes");
}

void Sections::read_limits(Section section) {
  config_.message_size =
      section.size("message_size", 50 * mebibyte, least_message_size, most_message_size);
  config_.recipients = section.number("recipients", 1000, least_recipients, most_recipients);
  config_.connections = section.number("connections", 1000, 1, frames::max_seats);
  config_.connections_per_ip = section.number(
      "connections_per_ip", std::min(100U, config_.connections), 1, config_.connections);
  config_.smtpd_workers =
      section.number("smtpd_processes", std::min(machine_.cores, 4U), 1, most_processes);
}

void Sections::read_control(Section section) {
  std::string& socket = config_.control_socket;
  socket = files_.absolute(section.text("socket", "/run/postern/control.sock"));
  if (socket.size() < sizeof(sockaddr_un::sun_path)) return;
  section.error(
      "socket", in_quotes(socket) + " is too long for a socket",
      fmt::format("choose a path of at most {} bytes", sizeof(sockaddr_un::sun_path) - 1));
}

void Sections::read_sandbox(Section section) {
  constexpr Choices<SandboxMode, 3> choices = {{{"best-effort", SandboxMode::best_effort},
                                                {"required", SandboxMode::required},
                                                {"off", SandboxMode::off}}};
  config_.sandbox = section.choice("mode", SandboxMode::best_effort, choices);
  if (config_.sandbox != SandboxMode::required) return;
  section.error("mode", "\"required\" is not in this version yet: it could not be kept",
                "use \"best-effort\"");
}

/// Does no mail come from another machine, and none go to one?
bool Sections::stays_on_this_machine() const {
  const auto is_here = [](std::string_view host) {
    const mail::Parsed<mail::IpAddress> address = mail::parse_address(host);
    return host == "localhost" || (address && mail::normalised(*address).is_loopback());
  };
  const auto listens_here = [](const ListenerConfig& listener) {
    return std::ranges::all_of(listener.addresses, [](const std::string& text) {
      return parse_endpoint(text).value().is_loopback();
    });
  };
  const auto goes_here = [&](const RouteConfig& any) {
    return !any.route.via.empty() &&
           std::ranges::all_of(any.route.via, is_here, &frames::Relayhost::host);
  };
  return std::ranges::all_of(config_.listeners, listens_here) &&
         std::ranges::all_of(config_.routes, goes_here) &&
         std::ranges::any_of(config_.routes,
                             [](const RouteConfig& any) { return matches_all(any.route); });
}

// Large providers close the connection on `EHLO localhost`, and reports need a domain that exists.
void Sections::read_hostname(Section top) {
  constexpr const char* remedy =
      "write the full name of this machine: hostname = \"smarthost.office.example\"";
  const bool is_given = top.has("hostname");
  const std::string name = top.text("hostname", "");
  if (is_given && name.empty()) return;  // already a finding

  const std::string text = is_given ? name : machine_.full_name();
  const mail::Parsed<std::string> domain = mail::parse_domain(text);
  const std::string what =
      is_given ? in_quotes(text)
               : fmt::format("is missing, and this machine's own, {},", in_quotes(text));
  if (!domain) {
    top.error("hostname", what + (is_given ? ": " : " cannot be used: ") + domain.error().reason,
              remedy);
    return;
  }
  config_.hostname = *domain;
  const bool is_full = domain->find('.') != domain->npos && !domain->starts_with("localhost.");
  if (is_full) return;
  if (stays_on_this_machine()) {
    top.warn("hostname", what + " is no full name; it will do while no mail leaves this machine",
             remedy);
  } else {
    top.error("hostname", what + " is no full name: other servers refuse mail from it", remedy);
  }
}

// The default: what stands behind the first label of the host's name, where that is a full one.
void Sections::read_domain(Section top) {
  const std::string& hostname = config_.hostname;
  const std::size_t dot = hostname.find('.');
  const bool has_parent =
      dot != std::string::npos && hostname.find('.', dot + 1) != std::string::npos;
  const std::string text = top.text("domain", has_parent ? hostname.substr(dot + 1) : hostname);
  if (text.empty()) return;  // already a finding
  const mail::Parsed<std::string> domain = mail::parse_domain(text);
  if (domain) {
    config_.domain = *domain;
  } else {
    top.error("domain", in_quotes(text) + ": " + domain.error().reason,
              "write what stands behind the @ of the office's addresses: "
              "domain = \"office.example\"");
  }
}

}  // namespace

ParsedConfig parse_config(std::string_view text, const std::string& file, const Machine& machine,
                          Findings& findings) {
  return Sections(text, file, machine, findings).read();
}

}  // namespace postern::daemon
