// What a listener offers its clients and demands of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mail/network.h"
#include "mail/relay_permit.h"
#include "net/frames.h"

namespace postern::smtpd {

/// Made at every configuration and shared by the sessions that begin under it; each keeps the one that it began with.
struct Policy {
  std::string hostname;
  std::string domain;  // of addresses that are written without one
  frames::ListenerTls tls = frames::ListenerTls::starttls;
  mail::AuthPolicy auth = mail::AuthPolicy::optional;
  std::vector<mail::Network> mynetworks;
  std::vector<std::string> mechanisms;  // upper case
  std::uint64_t message_size = 0;       // bytes of content, at most
  std::uint32_t recipients = 0;         // of one message, at most
  bool hide_client = true;              // no address of authenticated clients in Received
};

}  // namespace postern::smtpd
