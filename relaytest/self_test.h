// The tester turned on Postern itself: what makes a run out of the supervisor's settings, and a result out of the run.
//
// Postern has no mailboxes: what it takes, it passes on. So here, and only here, an acceptance is a finding of its own; and it ends the
// probing, since what an open Postern takes besides it would hand to strangers.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "net/frames.h"
#include "net/task.h"
#include "relaytest/run.h"
#include "relaytest/tester.h"

namespace postern::relaytest {

inline constexpr std::size_t max_target_addresses = 4;  // of one target that are tried

struct SelfTest {
  Run run;                        // planned
  std::vector<std::string> gaps;  // ways in that cannot be tried from here, and why
};

/// The run with a door for each listener, and one for each address of each target: their names are looked up. `settings` is owned by
/// the caller.
[[nodiscard]] net::Task<SelfTest> plan_self_test(const frames::SelftestSettings& settings);

/// How a run of it is made; takes the listener out of the settings.
[[nodiscard]] Setup self_test_setup(net::Executor executor, frames::SelftestSettings& settings);

/// Whence to connect to an address of a target, or why not at all. One of this machine is reached as the listeners are. To any other
/// one connects from `usual`, which the system chooses: where that is in mynetworks, we are no stranger there.
[[nodiscard]] std::variant<mail::IpAddress, std::string> source_towards(
    const mail::IpAddress& target, const mail::IpAddress& usual,
    const frames::SelftestSettings& settings);

/// What the supervisor is told.
[[nodiscard]] frames::SelftestResult self_result_of(const SelfTest& test,
                                                    const std::string& hostname);

/// What an inside vantage proves of `test`, and what it cannot: sentences for its reader, to be put into Run::remarks.
[[nodiscard]] std::vector<std::string> self_remarks(const SelfTest& test,
                                                    const frames::SelftestSettings& settings);

}  // namespace postern::relaytest
