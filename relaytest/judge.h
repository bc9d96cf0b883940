// The verdicts. The one rule above all others: only a message that came back makes an open relay; that a server said 250 makes
// none, for nobody can see from outside whether it forwards, keeps or throws away. And the other way round: whoever was not
// asked to the end, or did not answer, is not called closed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "relaytest/run.h"

namespace postern::relaytest {

enum class Verdict : std::uint8_t {
  closed,        // refused; of a bounce, too: the message came no further than to the target
  open_relay,    // came back
  mail_sink,     // accepted, and nothing came back until now
  unreachable,   // nobody answered
  inconclusive,  // neither refused nor accepted: deferred to the end, broken off, not tried
  last = inconclusive
};

/// Of one probe; nothing: it says nothing about relaying (a question, a trick that needs an extension which is not offered).
/// A smuggled message counts by itself; where it did not come, the message around it decides, as any other would if it was for
/// our mailbox. If that was for an address at the target, it only had to be taken: the trick failed, and that is `closed`; where the
/// address itself was refused, the trick was not tried.
[[nodiscard]] std::optional<Verdict> verdict_of(const ProbeResult& probe);

/// Smuggling: the address at the target for the message around the hidden one was refused, so nothing could be hidden in it.
[[nodiscard]] bool has_no_carrier(const ProbeResult& probe);

/// Of all its probes: open where one is, else a sink where one is, else inconclusive where one is or where none says
/// anything, else closed. A door where nobody greeted is unreachable.
[[nodiscard]] Verdict verdict_of(const Door& door);

/// Of all doors that could be reached, by the same order; `unreachable` where there is none.
[[nodiscard]] Verdict verdict_of(const Run& run);

/// Accepted, or left without an answer to its content: the target may have it.
[[nodiscard]] bool may_come_back(const ProbeResult& probe);

/// That, and neither come back nor bounced yet.
[[nodiscard]] bool is_awaited(const ProbeResult& probe);

/// A reply that refuses relaying in its words, whatever its code says: Debian's Postfix answers strangers `454 4.7.1 Relay
/// access denied`. A probe that stayed deferred with it is `closed`.
[[nodiscard]] bool denies_relaying(std::string_view reply);

/// Refused for who asked, not for what: before MAIL, or with words of blocklists and names. Somebody else may be let in, so this
/// says nothing about relaying; a door whose refusals are all of this kind, or where a plain message was, is inconclusive.
[[nodiscard]] bool refuses_the_tester(const ProbeResult& probe);

/// What a tester says that takes 250 to RCPT for relaying, as most do: `open_relay` or `closed`; nothing where it would not have
/// asked. Of a run: `unreachable`, too.
[[nodiscard]] std::optional<Verdict> naive_verdict_of(const ProbeResult& probe);
[[nodiscard]] Verdict naive_verdict_of(const Run& run);

/// What was seen besides and does not change the verdict, each a sentence: backscatter, disclosed mailboxes, doors that nobody
/// opened, ... To be shown behind Run::remarks. Holds strangers' words.
[[nodiscard]] std::vector<std::string> remarks_of(const Run& run);

/// `closed`, `open relay`, `mail sink`, `unreachable`, `inconclusive`
[[nodiscard]] std::string_view name_of(Verdict verdict);

/// Of `postern relay-test`: closed 0, open relay 1, mail sink 2, unreachable 3, inconclusive 4.
[[nodiscard]] int exit_code_of(Verdict verdict);

}  // namespace postern::relaytest
