// What a self-test of this configuration on this machine looks like: which doors, from which sources, and what cannot be tried.
#pragma once

#include <string>
#include <vector>

#include "daemon/config.h"
#include "daemon/vantage.h"
#include "net/frames.h"

namespace postern::daemon {

/// The domain of the tester's mailbox. It can never exist (RFC 2606, 2): a probe that leaves this machine in spite of all reaches
/// nobody.
inline constexpr std::string_view selftest_domain = "postern-self-test.invalid";

/// The queue's first route: brings back what was accepted of a self-test, whatever the other routes are. While no test listens
/// there, nothing goes there.
[[nodiscard]] frames::Route selftest_route(const Config& config);

/// A borrowed address goes by itself after this time.
inline constexpr std::chrono::minutes borrowed_lifetime{10};

struct SelftestPlan {
  frames::SelftestSettings
      settings;  // complete but for the listener; without doors there is nothing to test
  std::vector<std::string> gaps;  // doors for which there is no source, and why
  std::string source;             // in words: `127.83.84.1 and 2001:db8:5e01::1`
};

/// From what is known; `addresses`: of this machine, for listeners on all of them.
[[nodiscard]] SelftestPlan plan_selftest(const Config& config, const Vantage& vantage,
                                         const std::vector<mail::IpAddress>& addresses);

/// The same with a look at this machine, and with addresses borrowed where that is needed and permitted: they are in `vantage`, which
/// must live for as long as the test. Listens for returns: where that fails, `gaps` says so.
[[nodiscard]] SelftestPlan prepare_selftest(const Config& config, Vantage& vantage);

}  // namespace postern::daemon
