#include "mail/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mail/date.h"
#include "mail/delivery_status.h"
#include "mail/dsn_text.h"
#include "mail/quoted_printable.h"
#include "mail/report_text.h"
#include "mail/returned_content.h"

namespace postern::mail {
namespace {

struct Words {
  std::string_view subject;
  std::string_view opening;
};

Words words_for(Action action) {
  switch (action) {
    case Action::failed:
      return {"Your message could not be delivered",
              "Your message could not be delivered to the recipients below. Nothing more will be "
              "tried for them."};
    case Action::delayed:
      return {"Your message has not been delivered yet",
              "Your message has not been delivered yet to the recipients below. You need not send "
              "it again."};
    default:
      return {"Your message has been passed on",
              "Your message has been passed on for the recipients below, to a server that does not "
              "report its delivery. You will only hear of them again if it fails."};
  }
}

std::string_view result_of(Action action, const Reply& reply) {
  if (action == Action::relayed) return "Passed on. ";
  return reply.is_permanent() ? "Delivery failed. " : "Delivery did not succeed in time. ";
}

std::string what_happened(Action action, const ReportedRecipient& recipient) {
  const auto remote = remote_of(recipient);
  const auto words =
      (remote.empty() ? "The reason: " : remote + " said: ") + recipient.reply.one_line();
  if (action == Action::delayed) {
    return fmt::format("Will be tried until {}. {}", date_text(recipient.retry_until), words);
  }
  return fmt::format("{}{}", result_of(action, recipient.reply), words);
}

std::string human_part(Action action, const ReportOrigin& origin, const ReportedMessage& message,
                       bool is_whole) {
  auto text = wrapped("", fmt::format("This is the mail server {}.", origin.hostname), "");
  text += lines({""});
  text += wrapped("", words_for(action).opening, "");
  text += lines({fmt::format("It came in on {}.", date_text(message.arrival)),
                 is_whole ? "It is attached." : "Its header is attached."});
  for (const auto& recipient : message.recipients) {
    text += lines({"", '<' + recipient.mailbox.text() + '>'});
    text += wrapped("    ", what_happened(action, recipient), "    ");
  }
  if (is_ascii(text)) return lines({"Content-Type: text/plain; charset=us-ascii", ""}) + text;
  return lines({"Content-Type: text/plain; charset=utf-8",
                "Content-Transfer-Encoding: quoted-printable", ""}) +
         to_quoted_printable(text);
}

using Parts = std::array<std::string, 3>;

// A boundary that stands in no part: whoever wrote the message or the reply cannot have known it.
std::string boundary_for(const Parts& parts, MessageId id) {
  for (unsigned number = 0;; ++number) {
    auto boundary = fmt::format("postern-{}-{}", id.text(), number);
    const bool is_free = std::ranges::none_of(
        parts, [&](const auto& part) { return part.find(boundary) != std::string::npos; });
    if (is_free) return boundary;
  }
}

std::string header_of(Action action, const ReportOrigin& origin, const Mailbox& to,
                      bool is_eight_bit, std::string_view boundary) {
  auto header = lines(
      {fmt::format("From: Mail Delivery System <MAILER-DAEMON@{}>", origin.hostname),
       fmt::format("To: <{}>", to.text()), fmt::format("Subject: {}", words_for(action).subject),
       fmt::format("Date: {}", date_text(origin.now)),
       fmt::format("Message-ID: <{}@{}>", origin.id.text(), origin.hostname),
       "Auto-Submitted: auto-replied",  // RFC 3834, 5
       "MIME-Version: 1.0", "Content-Type: multipart/report; report-type=delivery-status;",
       fmt::format(" boundary=\"{}\"", boundary)});
  if (is_eight_bit) header += lines({"Content-Transfer-Encoding: 8bit"});
  return header.append(crlf);
}

}  // namespace

std::string report_content(Action action, const ReportOrigin& origin,
                           const ReportedMessage& message) {
  ReturnedContent returned = returned_content(action, message);
  const Parts parts{human_part(action, origin, message, returned.is_whole),
                    status_part(action, origin, message), std::move(returned.part)};
  const auto boundary = boundary_for(parts, origin.id);
  // As its parts say of themselves (RFC 2045, 6.4).
  const bool is_eight_bit =
      message.sender.needs_utf8() ||
      !std::ranges::all_of(parts, [](const auto& part) { return is_ascii(part); });
  auto out = header_of(action, origin, message.sender, is_eight_bit, boundary);
  for (const auto& part : parts)
    out.append("--").append(boundary).append(crlf).append(part).append(crlf);
  return out.append("--").append(boundary).append("--").append(crlf);
}

}  // namespace postern::mail
