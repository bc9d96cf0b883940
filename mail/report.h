// Reports: the messages that Postern itself writes, about recipients that a message did not reach or has not reached yet.
// Each is a multipart/report (RFC 6522): words for people, a delivery-status for programs (RFC 3464), and the header section
// of the message that it is about. They leave from `<>` (mail::envelope_of_report), so that nothing ever answers them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mail/mailbox.h"
#include "mail/message_id.h"
#include "mail/reply.h"

namespace postern::mail {

/// How much of a header section goes back, in octets; what is longer ends with its last whole line before that. The place
/// of whole messages, when clients can ask for them (RET=FULL, RFC 3461, 4.3), is beside it.
inline constexpr std::size_t max_returned_header = 64 * 1024;

struct ReportedRecipient {
  Mailbox mailbox;
  Reply
      reply;  // of the last attempt: the remote's own words, or ours where no remote could be asked
  std::string remote;  // who said so, e.g. `mx.example[192.0.2.1]:25`; empty: we did
  std::chrono::system_clock::time_point last_attempt;
  std::chrono::system_clock::time_point retry_until;  // used in delay warnings only
};

/// A message, and those of its recipients that a report tells its sender about.
struct Undelivered {
  MessageId id;
  std::chrono::system_clock::time_point arrival;
  Mailbox sender;           // its reverse-path: who gets the report
  std::string_view header;  // its header section, as it came in
  std::vector<ReportedRecipient> recipients;
};

/// Who writes the report, when, and under which name.
struct ReportOrigin {
  std::string hostname;
  std::chrono::system_clock::time_point now;
  MessageId id;
};

/// These recipients failed, now or by expiry: the whole content of the bounce, header and body, in ASCII and with CRLFs.
[[nodiscard]] std::string bounce_content(const ReportOrigin& origin, const Undelivered& message);

/// These recipients are late: the whole content of the warning. One a message (RFC 5321, 4.5.4.1, leaves it to us) is enough.
[[nodiscard]] std::string delay_warning_content(const ReportOrigin& origin,
                                                const Undelivered& message);

}  // namespace postern::mail
