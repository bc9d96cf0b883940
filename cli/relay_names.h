// What names mean to a run, asked of DNS and of the target before anything else is sent: so that no message can go to anybody but
// the tester's mailbox and the target, and that the two are not the same.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "relaytest/run.h"

namespace postern::cli {

/// Of a host name or an address. Throws Failure where there are none.
[[nodiscard]] std::vector<mail::IpAddress> addresses_of(const std::string& host);

/// Chooses Run::server for a target whose doors are known: `host` where mail for it goes to one of them; of a host that was given by
/// its address, the name in its greeting where that leads back to it (`may_ask`: connects to find out); else the address. Explains
/// the last in a remark.
void choose_server_name(relaytest::Run& run, const std::string& host, bool may_ask,
                        std::chrono::seconds limit);

/// Throws Failure where the target would keep mail for the mailbox, as its own: that would look like relaying; or where the
/// mailbox is a private address that means another machine at a target outside.
void check_mailbox(const relaytest::Run& run);

/// Throws Failure where mail for Run::server or Run::carrier would go to somebody else than the target.
void check_target_names(const relaytest::Run& run);

}  // namespace postern::cli
