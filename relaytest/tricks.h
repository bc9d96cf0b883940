// The parts of the catalogue, each in a file of its own, in the order in which they are tried.
#pragma once

#include <span>

#include "relaytest/catalogue.h"

namespace postern::relaytest {

[[nodiscard]] std::span<const Trick>
plain_tricks();  // who we are, and the way through the commands
[[nodiscard]] std::span<const Trick> sender_tricks();  // MAIL FROM
[[nodiscard]] std::span<const Trick>
recipient_tricks();  // RCPT TO: what gateways and routers make of an address
[[nodiscard]] std::span<const Trick>
form_tricks();  // RCPT TO: an address written so that two programs read two things
[[nodiscard]] std::span<const Trick>
claim_tricks();  // TLS, AUTH, and what else makes a client a trusted one
[[nodiscard]] std::span<const Trick>
content_tricks();  // smuggling; and questions, which are no messages

}  // namespace postern::relaytest
