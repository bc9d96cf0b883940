// AUTH at a relayhost (RFC 4954): the relayhost and our auth role talk to each other, delivery carries their words.
#pragma once

#include <optional>
#include <string>

#include "delivery/auth_desk.h"
#include "delivery/dialogue.h"

namespace postern::delivery {

/// Logs in as the hop's user. `offered`: the mechanisms as the server announced them. Never without verified TLS, on no
/// network and for no reason (behaviour 77). Nothing: logged in.
[[nodiscard]] net::Task<std::optional<Trouble>> log_in(Dialogue& dialogue, AuthDesk& auth,
                                                       const std::string& offered,
                                                       const TimeLimits& limits);

}  // namespace postern::delivery
