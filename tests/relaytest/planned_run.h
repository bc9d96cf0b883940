// A run at a target with two doors, as a test's beginning.
#pragma once

#include "relaytest/run.h"

namespace postern::relaytest {

inline Run run_without_probes() {
  Run run;
  run.id = "20261122-0750-abcdef";
  run.secret = "secret";
  run.target = run.server = "mx.office.example";
  run.mailbox = "probe@tester.test";
  run.sender = "bounces@tester.test";
  run.us = "vantage.tester.test";
  run.contact = "operator@tester.test";
  for (const char* const address : {"192.0.2.25", "2001:db8::25"}) {
    Door door;
    door.address = mail::IpAddress::from_string(address);
    door.label = door.address.is_v4() ? "192.0.2.25:25" : "[2001:db8::25]:25";
    run.doors.push_back(door);
  }
  return run;
}

}  // namespace postern::relaytest
