// What each role is told of the configuration: its own part, and nothing more. Files that only root can read are read here.
#pragma once

#include "daemon/config.h"
#include "daemon/sockets.h"
#include "net/frames.h"

namespace postern::daemon {

/// The certificate's chain and key as they are on disk now, and new keys for session tickets; all empty where no listener
/// has TLS.
struct TlsFiles {
  std::string certificate_pem;
  std::string private_key_pem;
  std::string ticket_keys;

  /// Throws StartFailure where they cannot be read or do not belong together.
  [[nodiscard]] static TlsFiles read(const Config& config);
  /// The same on disk.
  friend bool operator==(const TlsFiles& a, const TlsFiles& b) {
    return a.certificate_pem == b.certificate_pem && a.private_key_pem == b.private_key_pem;
  }
};

/// For the smtpd with number `instance`; `seats`: the memory that all of them share.
[[nodiscard]] frames::SmtpdSettings smtpd_settings(const Config& config, const TlsFiles& tls,
                                                   const BoundSockets& sockets,
                                                   const net::Fd& seats, std::uint32_t instance);
/// With the relayhosts' passwords; throws StartFailure where one cannot be read.
[[nodiscard]] frames::AuthSettings auth_settings(const Config& config);
[[nodiscard]] frames::QueueSettings queue_settings(const Config& config, const net::Fd& control);
[[nodiscard]] frames::DeliverySettings delivery_settings(const Config& config);

}  // namespace postern::daemon
