// The configuration: what the file says, as typed values. Made only by `load_config`, so always complete and possible: its
// lists are not empty where that would mean nothing, its paths are absolute, its files could be read.
//
// A relative path in the file is taken from the folder that the file is in, so a configuration and what belongs to it can be
// moved together.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "net/frames.h"

namespace postern::daemon {

inline constexpr std::string_view default_config_file = "/etc/postern/postern.toml";

/// What is wrong, where, and what to do about it.
struct ConfigError {
  std::uint32_t line = 0;  // 0: the file as a whole
  std::uint32_t column = 0;
  std::string key;     // `access.mynetworks`
  std::string what;    // `"0.0.0.0/0" takes mail from everyone`
  std::string remedy;  // `name the office's own networks`
};

/// `file:line:column: key: what: remedy`
[[nodiscard]] std::string text_of(const std::string& file, const ConfigError& error);

struct ListenerConfig {
  std::vector<std::string> addresses;  // `192.0.2.1:587`, `[::]:587`
  frames::ListenerTls tls = frames::ListenerTls::starttls;
  mail::AuthPolicy auth = mail::AuthPolicy::optional;
};

struct RouteConfig {
  frames::Route route;
  std::string password_file;  // empty: no AUTH
};

/// The relay tester, turned on ourselves (daemon/selftest.h).
struct SelftestConfig {
  struct Target {
    std::string host;  // a name, or an IP address without brackets
    std::uint16_t port = 0;
  };
  bool at_start = false;
  std::string returns;          // `127.0.0.1:2526`: where probes that we passed on come back
  std::vector<Target> targets;  // further ways in, beside the listeners
};

enum class SandboxMode : std::uint8_t { off, best_effort, required, last = required };

struct Config {
  std::string file;
  std::string hostname;
  std::string domain;  // of addresses that are written without one
  std::vector<ListenerConfig> listeners;
  std::string certificate_file;  // empty: no listener has TLS
  std::string private_key_file;
  std::vector<mail::Network> mynetworks;
  std::string users_file;
  std::vector<std::string> mechanisms;
  std::string queue_directory;
  std::chrono::seconds first_retry{};
  std::chrono::seconds max_retry{};
  std::chrono::seconds warn_after{};
  std::chrono::seconds expire{};
  std::uint64_t queue_max_size = 0;  // bytes; 0: what the disk has
  std::uint64_t queue_reserve = 0;   // bytes; 0: a twentieth of the disk, within bounds
  std::vector<RouteConfig> routes;
  std::uint16_t smtp_port = 25;
  std::uint32_t connections_per_destination = 20;
  std::string tls_ca_file;
  std::vector<std::string> resolvers;
  std::uint64_t message_size = 0;  // bytes
  std::uint32_t recipients = 0;
  std::uint32_t connections = 0;
  std::uint32_t connections_per_ip = 0;
  std::string control_socket;
  SandboxMode sandbox = SandboxMode::best_effort;
  std::uint32_t smtpd_workers = 1;
  bool hide_client = true;
  bool deliver_to_private = false;
  SelftestConfig selftest;
  std::vector<ConfigError> warnings;  // it can be served so, but somebody should look at it
};

/// The configuration, or all that is wrong with it.
using LoadedConfig = std::variant<Config, std::vector<ConfigError>>;

/// Reads and checks the file. Looks at this machine's addresses and routes, and whether named files can be read as they should
/// be; binds nothing and changes nothing.
[[nodiscard]] LoadedConfig load_config(const std::string& file);

}  // namespace postern::daemon
