#include "mail/delivery_status.h"

#include <fmt/format.h>

#include "mail/ascii.h"
#include "mail/date.h"
#include "mail/dsn_text.h"
#include "mail/report_text.h"

namespace postern::mail {
namespace {

constexpr std::size_t longest_remote = 320;  // octets: a domain, an address and a port

std::string_view name_of(Action action) {
  switch (action) {
    case Action::failed:
      return "failed";
    case Action::delayed:
      return "delayed";
    default:
      return "relayed";
  }
}

std::string status_of(Action action, const Reply& reply) {
  if (reply.status.is_given()) return reply.status.text();
  if (action == Action::relayed) return "2.0.0";
  const bool is_permanent =
      reply.is_permanent() || (action == Action::failed && !reply.is_transient());
  return is_permanent ? "5.0.0" : "4.0.0";
}

// `mx.example[192.0.2.1]:25` is named `mx.example`; without a name, `[192.0.2.1]:25`, it is `[192.0.2.1]`.
std::string_view mta_name(std::string_view remote) {
  return remote.starts_with('[') ? remote.substr(0, remote.find(']') + 1)
                                 : remote.substr(0, remote.find_first_of("[:"));
}

// `rfc822; address`. Inside message/delivery-status all is ASCII.
std::string typed_address(const Mailbox& mailbox, bool is_utf8) {
  const std::string text = mailbox.text();
  if (is_ascii(text)) return "rfc822; " + text;
  if (is_utf8) return "utf-8; " + text;
  const std::string encoded = original_of(mailbox);
  return "utf-8; " + encoded.substr(encoded.find(';') + 1);
}

// ORCPT without its xtext (RFC 3464, 2.3.1); of the type utf-8 it is in none, and stays (RFC 6533, 3). What a client hid in
// its xtext, such as line ends, is not let out. Empty: it has no type, or does not fit a line.
std::string original_recipient(std::string_view original) {
  const std::size_t semicolon = original.find(';');
  if (semicolon == std::string_view::npos) return {};
  const std::string_view type = original.substr(0, semicolon);
  const std::string_view address = original.substr(semicolon + 1);
  const bool is_utf8 = equals_ignoring_case(type, "utf-8");
  const std::string plain = is_utf8 ? with_embedded_unicode(address) : from_xtext(address);
  const std::string line =
      fmt::format("Original-Recipient: {};{}", printable(type), printable(plain));
  return line.size() <= longest_line ? line + std::string(crlf) : std::string();
}

std::string recipient_fields(Action action, const ReportedRecipient& recipient, bool is_utf8) {
  auto out = std::string(crlf) + original_recipient(recipient.original);
  out += lines({"Final-Recipient: " + typed_address(recipient.mailbox, is_utf8),
                fmt::format("Action: {}", name_of(action)),
                "Status: " + status_of(action, recipient.reply)});
  const auto remote = remote_of(recipient);
  if (!remote.empty()) out += wrapped("Remote-MTA: dns;", mta_name(remote), " ");
  // Our own words are no SMTP reply of anybody's (RFC 3464, 2.1.2).
  const auto type = remote.empty() ? "x-postern;" : "smtp;";
  out += wrapped(fmt::format("Diagnostic-Code: {}", type), recipient.reply.one_line(), " ");
  out += lines({"Last-Attempt-Date: " + date_text(recipient.last_attempt)});
  if (action == Action::delayed) {
    out += lines({"Will-Retry-Until: " + date_text(recipient.retry_until)});
  }
  return out;
}

}  // namespace

std::string remote_of(const ReportedRecipient& recipient) {
  return printable(std::string_view(recipient.remote).substr(0, longest_remote));
}

std::string status_part(Action action, const ReportOrigin& origin, const ReportedMessage& message) {
  const bool is_utf8 = message.sender.needs_utf8();
  auto out = is_utf8 ? lines({"Content-Type: message/global-delivery-status",
                              "Content-Transfer-Encoding: 8bit", ""})
                     : lines({"Content-Type: message/delivery-status", ""});
  if (!message.dsn.envelope_id.empty()) {
    const std::string id = printable(from_xtext(message.dsn.envelope_id)).substr(0, max_original);
    out += lines({"Original-Envelope-Id: " + id});
  }
  out +=
      lines({"Reporting-MTA: dns; " + origin.hostname, "X-Postern-Message-ID: " + message.id.text(),
             "Arrival-Date: " + date_text(message.arrival)});
  for (const auto& recipient : message.recipients) {
    out += recipient_fields(action, recipient, is_utf8);
  }
  return out;
}

}  // namespace postern::mail
