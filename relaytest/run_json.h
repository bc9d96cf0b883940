// A run as JSON (RFC 8259): for programs to read, and to be kept for `--resume`. Keys may be added in later versions; those that
// are there keep their meaning. Times are UTC (RFC 3339), null: not yet. Octets of strangers that are no UTF-8 are U+FFFD.
//
//   format             1
//   id, target, server, mailbox, listen, returns, us, sender, carrier, contact, is_self, remarks    as in run.h
//   started, ended
//   verdict, naive_verdict   `closed`, `open relay`, `mail sink`, `unreachable`, `inconclusive`
//   exit_code
//   observations       remarks_of: sentences
//   doors: address, port, tls (as_offered, implicit), source ("": the system's choice), label, is_reachable, greeting, trouble,
//     verdict, and probes, of each:
//       trick, group, reason, source: of the catalogue; kind (message, smuggling, question)
//       outcome (not_tried, not_offered, refused, deferred, accepted, broken_off, no_answer, answered)
//       verdict, naive_verdict (null: it says nothing about relaying)
//       token, carrier_token, has_local_carrier, step, reply, has_recipient_accepted, from, to, tls, attempts, answered_at
//       transcript: who (client, server, note), at_ms (since the connection was begun), text
//       returns: what (relayed, bounced, answered), is_carrier, at, peer, reverse_path, received (newest first), head
//   secret             only in the file that is kept: whoever has it can forge returns
#pragma once

#include <string>
#include <string_view>

#include "relaytest/run.h"

namespace postern::relaytest {

/// The whole run with its verdicts, without its secret: what `--json` prints. `with_secret`: what is kept for `--resume`.
[[nodiscard]] std::string json_of(const Run& run, bool with_secret = false);

/// The other way round, of what was written with its secret. Whatever is missing, unknown or of another kind is an error: throws
/// std::runtime_error that names it.
[[nodiscard]] Run run_of(std::string_view json);

}  // namespace postern::relaytest
