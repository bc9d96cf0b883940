#include "daemon/settings.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sysexits.h>

#include <cstring>
#include <memory>
#include <set>

#include "daemon/secret_file.h"
#include "daemon/selftest_plan.h"
#include "daemon/start_failure.h"
#include "daemon/text_file.h"
#include "net/stream.h"

namespace postern::daemon {
namespace {

std::string read_file(const std::string& path) {
  mail::Parsed<std::string> content = read_text_file(path);
  if (!content)
    throw StartFailure(EX_NOINPUT, "cannot read " + path + ": " + content.error().reason);
  return std::move(*content);
}

// Every address of this machine, for listeners on all of them.
std::set<std::string> local_addresses(bool v6) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, ::freeifaddrs);
  std::set<std::string> addresses;
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr || entry->ifa_addr->sa_family != (v6 ? AF_INET6 : AF_INET)) continue;
    net::asio::ip::tcp::endpoint endpoint;
    std::memcpy(endpoint.data(), entry->ifa_addr, v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in));
    addresses.insert(mail::normalised(endpoint.address()).to_string());
  }
  return addresses;
}

// `address:port` of all listeners, with 0.0.0.0 and [::] spelled out.
std::vector<std::string> own_addresses(const Config& config) {
  std::vector<std::string> own;
  for (const ListenerConfig& listener : config.listeners) {
    for (const std::string& address : listener.addresses) {
      const std::size_t colon = address.rfind(':');
      const std::string host = address.substr(0, colon);
      const std::string port = address.substr(colon);
      if (host == "0.0.0.0") {
        for (const auto& local : local_addresses(false)) own.push_back(local + port);
      } else if (host == "[::]") {
        for (const auto& local : local_addresses(true)) own.push_back('[' + local + ']' + port);
      } else {
        own.push_back(address);
      }
    }
  }
  return own;
}

}  // namespace

TlsFiles TlsFiles::read(const Config& config) {
  if (config.certificate_file.empty()) return {};
  TlsFiles files{read_file(config.certificate_file), read_file(config.private_key_file),
                 net::new_ticket_keys()};
  const auto context = net::server_tls(files.certificate_pem, files.private_key_pem);
  if (!context) {
    throw StartFailure(EX_CONFIG, config.certificate_file + ", " + config.private_key_file + ": " +
                                      context.error());
  }
  return files;
}

frames::SmtpdSettings smtpd_settings(const Config& config, const TlsFiles& tls,
                                     const BoundSockets& sockets, const net::Fd& seats,
                                     std::uint32_t instance) {
  frames::SmtpdSettings settings;
  settings.hostname = config.hostname;
  settings.domain = config.domain;
  settings.instance = instance;
  settings.processes = config.smtpd_workers;
  for (const ListenerConfig& listener : config.listeners) {
    for (const std::string& address : listener.addresses) {
      settings.listeners.push_back(
          {address, listener.tls, listener.auth, duplicate(sockets.at(address))});
    }
  }
  settings.certificate_pem = tls.certificate_pem;
  settings.private_key_pem = tls.private_key_pem;
  settings.ticket_keys = tls.ticket_keys;
  settings.mynetworks = config.mynetworks;
  settings.mechanisms = config.mechanisms;
  settings.message_size = config.message_size;
  settings.recipients = config.recipients;
  settings.seats = duplicate(seats);
  settings.connections = config.connections;
  settings.connections_per_ip = config.connections_per_ip;
  settings.hide_client = config.hide_client;
  return settings;
}

frames::AuthSettings auth_settings(const Config& config) {
  frames::AuthSettings settings{
      config.hostname, config.domain, config.users_file, config.mechanisms, {}};
  for (const RouteConfig& route : config.routes) {
    if (route.password_file.empty()) continue;
    const mail::Parsed<std::string> password = read_password(route.password_file);
    if (!password)
      throw StartFailure(EX_CONFIG, route.password_file + ": " + password.error().reason);
    for (const frames::Relayhost& hop : route.route.via) {
      settings.credentials.push_back({hop.host, hop.port, hop.user, *password});
    }
  }
  return settings;
}

frames::QueueSettings queue_settings(const Config& config, const net::Fd& control) {
  frames::QueueSettings settings;
  settings.hostname = config.hostname;
  settings.directory = config.queue_directory;
  settings.first_retry = config.first_retry;
  settings.max_retry = config.max_retry;
  settings.warn_after = config.warn_after;
  settings.expire = config.expire;
  settings.max_size = config.queue_max_size;
  settings.reserve = config.queue_reserve;
  settings.connections = config.connections_per_destination;
  settings.routes.push_back(selftest_route(config));
  for (const RouteConfig& route : config.routes) settings.routes.push_back(route.route);
  settings.control = duplicate(control);
  return settings;
}

frames::DeliverySettings delivery_settings(const Config& config) {
  frames::DeliverySettings settings;
  settings.hostname = config.hostname;
  settings.smtp_port = config.smtp_port;
  settings.tls_ca_file = config.tls_ca_file;
  settings.resolvers = config.resolvers;
  settings.deliver_to_private = config.deliver_to_private;
  settings.own_addresses = own_addresses(config);
  return settings;
}

}  // namespace postern::daemon
