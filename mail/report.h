// Reports: the messages that Postern itself writes, about recipients that a message did not reach, has not reached yet, or
// was passed on for. Each is a multipart/report (RFC 6522): words for people (mail/report.cpp), a delivery-status for
// programs (RFC 3464; mail/delivery_status.h), and what is returned of the message (mail/returned_content.h). They leave
// from `<>` (mail::envelope_of_report), so that nothing ever answers them.
//
// A report is ASCII, so that every server takes it, with two exceptions: an address of the sender that is not ASCII stands
// in it as it is, and then it needs a hop with SMTPUTF8, which the sender's own mail has needed, too (RFC 6533); and a whole
// message with 8-bit octets is returned where the sender asked for it (RET=FULL).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mail/dsn.h"
#include "mail/mailbox.h"
#include "mail/message_id.h"
#include "mail/reply.h"

namespace postern::mail {

/// What happened to all the recipients of a report (RFC 3464, 2.3.3).
enum class Action {
  failed,   // now, or by expiry: the report is a bounce
  delayed,  // a warning: one a message is enough (RFC 5321, 4.5.4.1, leaves it to us)
  relayed,  // a hop without DSN took the message: no more will be heard, unless it fails (RFC 3461, 5.2.2)
};

struct ReportedRecipient {
  Mailbox mailbox;
  std::string original;  // as in mail::Recipient
  Reply
      reply;  // of the last attempt: the remote's own words, or ours where no remote could be asked
  std::string remote;  // who said so, e.g. `mx.example[192.0.2.1]:25`; empty: we did
  std::chrono::system_clock::time_point last_attempt;
  std::chrono::system_clock::time_point retry_until;  // used in delay warnings only
};

/// A message, and those of its recipients that a report tells its sender about.
struct ReportedMessage {
  MessageId id;
  std::chrono::system_clock::time_point arrival;
  Mailbox sender;  // its reverse-path: who gets the report
  DsnOptions dsn;
  bool needs_utf8 = false;  // as in mail::Envelope
  std::string_view
      content;             // as it came in: at least as much of its front as `content_needed` says
  std::uint64_t size = 0;  // octets of all its content
  std::vector<ReportedRecipient> recipients;
};

/// Who writes the report, when, and under which name.
struct ReportOrigin {
  std::string hostname;
  std::chrono::system_clock::time_point now;
  MessageId id;
};

/// How many octets of the front of a message of `size` octets a report about it needs; there may be less.
[[nodiscard]] std::size_t content_needed(Action action, Return ret, std::uint64_t size);

/// The whole content of the report, header and body, with CRLFs.
[[nodiscard]] std::string report_content(Action action, const ReportOrigin& origin,
                                         const ReportedMessage& message);

}  // namespace postern::mail
