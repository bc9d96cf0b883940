// What `postern relay-test --self` is to do: made of Postern's own configuration, and of this machine.
#pragma once

#include <string>
#include <vector>

#include "daemon/vantage.h"
#include "relaytest/self_test.h"

namespace postern::cli {

struct SelfPlan {
  relaytest::SelfTest test;
  frames::SelftestSettings settings;  // with the listener for returns
  daemon::Vantage vantage;            // must live for as long as the test
};

/// `only`: these tricks; empty: all. Throws Failure: the configuration is wrong, or this machine has no address from which to test it.
[[nodiscard]] SelfPlan self_plan(const std::string& config_file,
                                 const std::vector<std::string>& only);

}  // namespace postern::cli
