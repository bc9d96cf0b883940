// What the recipient of a probe reads, and anybody else to whom it should come: who sent this and why, and that there is
// nothing to do. The token stands in the header section, in the field of its name and in Message-ID.
#pragma once

#include <string>

#include "relaytest/catalogue.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// The content (RFC 5322) with CRLF line ends, none of its lines beginning with a dot. For smuggling: a message with the
/// carrier's token that has in its body the trick's `ending`, and behind that a whole transaction, MAIL to content, of a message
/// with the probe's token.
[[nodiscard]] std::string content_of(const Run& run, const Door& door, const ProbeResult& probe,
                                     const Trick& trick, system_clock::time_point now);

}  // namespace postern::relaytest
