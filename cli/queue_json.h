// What is in the queue, for programs to read: one JSON object a message (RFC 8259), times in UTC (RFC 3339). Keys may be added
// in later versions; those that are there keep their meaning.
#pragma once

#include <string>

#include "net/frames.h"

namespace postern::cli {

/// As `queue list --json` has it:
///   id, arrival, size (bytes), from ("": the null reverse-path), client (""; a report of Postern's own), helo, tls ("": none),
///   login ("": let in by mynetworks), other_recipients (how many, whom the filter does not mean), recipients:
///     recipient, state (waiting, delivering, held, delivered, bounced, deleted), destination, attempts, next_attempt (null:
///     it is not waiting), remote (who gave the last answer; "": it is Postern's own), last_answer ("": not tried yet)
[[nodiscard]] std::string summary_json(const frames::QueuedMessage& message);

/// The same, as `queue show --json` has it, and besides:
///   envid, ret (FULL, HDRS, ""), eight_bit, smtputf8, header, and of each recipient:
///     notify, orcpt, forgotten_attempts (how many of the first ones are no longer kept), history, oldest first:
///       time, attempt (its number), state (afterwards), remote, answer
[[nodiscard]] std::string whole_json(const frames::QueuedMessage& message);

}  // namespace postern::cli
