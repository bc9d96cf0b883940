// The way back: which of the messages at our mailbox are ours, and of which probe.
#pragma once

#include "relaytest/catch_session.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// Looks into a message for a token of the run, and notes the return with its probe. Relayed is what carries the token in its own
/// header, in the field of its name or in Message-ID, and is no report (RFC 3462); a token that stands deeper, or in another field,
/// was bounced or quoted. A report that the way to our mailbox failed (RFC 3463: X.4.X) is no bounce but an answer: somebody tried to
/// pass it on. Lines may end in LF. What is kept is valid UTF-8, and no more than run.h allows; what proves more takes
/// the place of what proves less.
/// True: it was one of the run's. The same message seen twice counts once. Tokens that the run has not made are nothing.
bool note_return(Run& run, const CaughtMessage& message, system_clock::time_point at);

/// The value of Return-Path (RFC 5321, 4.4), without brackets: what a mailbox keeps of the envelope. Empty: there is none.
[[nodiscard]] std::string return_path_of(std::string_view content);

}  // namespace postern::relaytest
