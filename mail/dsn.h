// What a sender asks to be told about its message (RFC 3461: delivery status notifications).
#pragma once

#include <cstdint>
#include <string>

namespace postern::mail {

/// RET (4.3): how much of the message a report of a failure brings back.
enum class Return : std::uint8_t { unsaid, full, headers, last = headers };

/// NOTIFY (4.1): of what the sender wants to hear. All false: it did not say, and hears of failures and delays.
struct Notify {
  bool never = false;  // alone
  bool success = false;
  bool failure = false;
  bool delay = false;

  bool is_unsaid() const { return !never && !success && !failure && !delay; }
  bool wants_failure() const { return failure || is_unsaid(); }
  bool wants_delay() const { return delay || is_unsaid(); }
  bool operator==(const Notify&) const = default;
};

/// What holds for the message as a whole.
struct DsnOptions {
  Return ret = Return::unsaid;
  std::string envelope_id{};  // ENVID (4.4), in xtext as it came; empty: none
};

}  // namespace postern::mail
