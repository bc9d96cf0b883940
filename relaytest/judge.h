// The verdicts. The one rule above all others: only a message that came back makes an open relay; that a server said 250 makes
// none, for nobody can see from outside whether it forwards, keeps or throws away.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "relaytest/run.h"

namespace postern::relaytest {

enum class Verdict : std::uint8_t {
  closed,        // refused; of a bounce, too: the message came no further than to the target
  open_relay,    // came back
  mail_sink,     // accepted, and nothing came back until now
  unreachable,   // nobody answered
  inconclusive,  // neither refused nor accepted: deferred to the end, broken off, stopped
  last = inconclusive
};

/// Of one probe; nothing: it says nothing about relaying (a question, a trick that could not be tried).
[[nodiscard]] std::optional<Verdict> verdict_of(const ProbeResult& probe);
[[nodiscard]] Verdict verdict_of(const Door& door);
/// Of all doors: open where one is, else a sink where one is, else inconclusive where one is, else closed where one is.
[[nodiscard]] Verdict verdict_of(const Run& run);

/// What a tester says that takes 250 to RCPT for relaying, as most do: `open_relay` or `closed`, or `unreachable`.
[[nodiscard]] std::optional<Verdict> naive_verdict_of(const ProbeResult& probe);
[[nodiscard]] Verdict naive_verdict_of(const Run& run);

/// `closed`, `open relay`, `mail sink`, `unreachable`, `inconclusive`
[[nodiscard]] std::string_view name_of(Verdict verdict);

/// Of `postern relay-test`: closed 0, open relay 1, mail sink 2, unreachable 3, inconclusive 4.
[[nodiscard]] int exit_code_of(Verdict verdict);

}  // namespace postern::relaytest
