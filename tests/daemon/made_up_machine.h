// A machine for tests: in an office's network behind its gateway, with containers.
#pragma once

#include "daemon/machine.h"

namespace postern::daemon {

inline Machine office_machine() {
  Machine machine;
  machine.full_name = [] { return std::string("smarthost.office.example"); };
  machine.gateways = {mail::parse_address("192.168.1.1").value(),
                      mail::parse_address("fe80::1").value()};
  machine.bridges = {{"docker0", mail::parse_address("172.17.0.1").value()}};
  machine.has_ipv6 = true;
  machine.cores = 2;
  return machine;
}

}  // namespace postern::daemon
