// What the configuration is held against: this machine's name, its addresses, and the ways by which strangers' connections
// come to it under an address that looks like one of the office. A value, so that tests can make up any machine.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mail/network.h"

namespace postern::daemon {

struct Machine {
  struct Bridge {
    std::string interface;  // docker0, virbr0, ...
    mail::IpAddress address;
  };

  std::function<std::string()>
      full_name;  // may ask DNS, so it is asked only when the configuration has no name
  std::vector<mail::IpAddress> gateways;  // of the default routes
  std::vector<Bridge> bridges;            // to containers and virtual machines
  std::vector<mail::IpAddress>
      addresses;  // without those that mean one link only (RFC 4291, 2.5.6)
  bool has_ipv6 = false;
  unsigned cores = 1;
};

[[nodiscard]] Machine this_machine();

}  // namespace postern::daemon
