#include "mail/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "mail/ascii.h"
#include "mail/date.h"
#include "mail/quoted_printable.h"

namespace postern::mail {
namespace {

constexpr std::string_view crlf = "\r\n";
constexpr std::size_t aimed_line = 78;       // octets without CRLF (RFC 5322, 2.1.1)
constexpr std::size_t longest_line = 998;    // the same
constexpr std::size_t longest_word = 900;    // leaves room on its line for what stands in front
constexpr std::size_t longest_remote = 320;  // octets: a domain, an address and a port

enum class Action { failed, delayed };

std::string lines(std::initializer_list<std::string_view> all) {
  std::string out;
  for (auto line : all) out.append(line).append(crlf);
  return out;
}

// Appends the words of `text` to `line`, which is broken where it gets longer than one aims at; each further line begins
// with `indent`. A word that is too long alone stays whole: it may be a link that someone wants to follow.
std::string wrapped(std::string line, std::string_view text, std::string_view indent) {
  std::string out;
  while (!text.empty()) {
    const auto word = text.substr(0, std::min(text.find(' '), longest_word));
    text.remove_prefix(word.size());
    if (text.starts_with(' ')) text.remove_prefix(1);
    if (word.empty()) continue;
    if (line.size() + 1 + word.size() > aimed_line) {
      out.append(std::exchange(line, std::string(indent))).append(crlf);
    }
    if (!line.empty() && !line.ends_with(' ')) line += ' ';
    line += word;
  }
  return out.append(line).append(crlf);
}

std::string remote_of(const ReportedRecipient& recipient) {
  return printable(std::string_view(recipient.remote).substr(0, longest_remote));
}

// ── for people ───────────────────────────────────────────────────────────────────────────────────────────────────────

std::string_view subject_of(Action action) {
  return action == Action::failed ? "Your message could not be delivered"
                                  : "Your message has not been delivered yet";
}

std::string what_happened(Action action, const ReportedRecipient& recipient) {
  const auto remote = remote_of(recipient);
  const auto words =
      (remote.empty() ? "The reason: " : remote + " said: ") + recipient.reply.one_line();
  if (action == Action::delayed) {
    return fmt::format("Will be tried until {}. {}", date_text(recipient.retry_until), words);
  }
  const bool is_expired = !recipient.reply.is_permanent();
  return (is_expired ? "Delivery did not succeed in time. " : "Delivery failed. ") + words;
}

std::string human_part(Action action, const ReportOrigin& origin, const Undelivered& message) {
  const std::string_view advice = action == Action::failed ? "Nothing more will be tried for them."
                                                           : "You need not send it again.";
  auto out = lines({"Content-Type: text/plain; charset=us-ascii", ""});
  out += wrapped("", fmt::format("This is the mail server {}.", origin.hostname), "");
  out += lines({""});
  out += wrapped("", fmt::format("{} to the recipients below. {}", subject_of(action), advice), "");
  out += lines(
      {fmt::format("It came in on {}.", date_text(message.arrival)), "Its header is attached."});
  for (const auto& recipient : message.recipients) {
    out += lines({"", '<' + recipient.mailbox.text() + '>'});
    out += wrapped("    ", what_happened(action, recipient), "    ");
  }
  return out;
}

// ── for programs: RFC 3464, 2 ────────────────────────────────────────────────────────────────────────────────────────

std::string status_of(Action action, const Reply& reply) {
  if (reply.status.is_given()) return reply.status.text();
  const bool is_permanent =
      reply.is_permanent() || (action == Action::failed && !reply.is_transient());
  return is_permanent ? "5.0.0" : "4.0.0";
}

// `mx.example[192.0.2.1]:25` is named `mx.example`; without a name, `[192.0.2.1]:25`, it is `[192.0.2.1]`.
std::string_view mta_name(std::string_view remote) {
  return remote.starts_with('[') ? remote.substr(0, remote.find(']') + 1)
                                 : remote.substr(0, remote.find_first_of("[:"));
}

std::string recipient_fields(Action action, const ReportedRecipient& recipient) {
  auto out = lines({"", "Final-Recipient: rfc822; " + recipient.mailbox.text(),
                    action == Action::failed ? "Action: failed" : "Action: delayed",
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

std::string status_part(Action action, const ReportOrigin& origin, const Undelivered& message) {
  auto out =
      lines({"Content-Type: message/delivery-status", "", "Reporting-MTA: dns; " + origin.hostname,
             "X-Postern-Message-ID: " + message.id.text(),
             "Arrival-Date: " + date_text(message.arrival)});
  for (const auto& recipient : message.recipients) out += recipient_fields(action, recipient);
  return out;
}

// ── the header of the message that it is about ───────────────────────────────────────────────────────────────────────

bool is_sendable(std::string_view line) {
  return line.size() <= longest_line &&
         std::ranges::all_of(line, [](char c) { return is_printable(c) || c == '\t'; });
}

bool has_sendable_lines(std::string_view text) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find(crlf));
    if (!is_sendable(line)) return false;
    text.remove_prefix(std::min(line.size() + crlf.size(), text.size()));
  }
  return true;
}

std::string_view bounded(std::string_view header) {
  if (header.size() <= max_returned_header) return header;
  header = header.substr(0, max_returned_header);
  const auto end = header.rfind(crlf);
  return end == std::string_view::npos ? header : header.substr(0, end + crlf.size());
}

// What cannot stand in ASCII lines goes as quoted-printable, which RFC 6522, 4, allows for broken and extended headers.
std::string header_part(std::string_view header) {
  header = bounded(header);
  const bool is_plain = has_sendable_lines(header);
  auto out = lines({"Content-Type: text/rfc822-headers"});
  if (!is_plain) out += lines({"Content-Transfer-Encoding: quoted-printable"});
  out += lines({""});
  out += is_plain ? std::string(header) : to_quoted_printable(header);
  if (!header.ends_with(crlf)) out += crlf;
  return out;
}

// ── the whole ────────────────────────────────────────────────────────────────────────────────────────────────────────

using Parts = std::array<std::string, 3>;

// A boundary that stands in no part: whoever wrote the header or the reply cannot have known it.
std::string boundary_for(const Parts& parts, MessageId id) {
  for (unsigned number = 0;; ++number) {
    auto boundary = fmt::format("postern-{}-{}", id.text(), number);
    const bool is_free = std::ranges::none_of(
        parts, [&](const auto& part) { return part.find(boundary) != std::string::npos; });
    if (is_free) return boundary;
  }
}

std::string header_of(Action action, const ReportOrigin& origin, const Mailbox& to,
                      std::string_view boundary) {
  return lines({fmt::format("From: Mail Delivery System <MAILER-DAEMON@{}>", origin.hostname),
                fmt::format("To: <{}>", to.text()), fmt::format("Subject: {}", subject_of(action)),
                fmt::format("Date: {}", date_text(origin.now)),
                fmt::format("Message-ID: <{}@{}>", origin.id.text(), origin.hostname),
                "Auto-Submitted: auto-replied",  // RFC 3834, 5
                "MIME-Version: 1.0", "Content-Type: multipart/report; report-type=delivery-status;",
                fmt::format(" boundary=\"{}\"", boundary), ""});
}

std::string content(Action action, const ReportOrigin& origin, const Undelivered& message) {
  const Parts parts{human_part(action, origin, message), status_part(action, origin, message),
                    header_part(message.header)};
  const auto boundary = boundary_for(parts, origin.id);
  auto out = header_of(action, origin, message.sender, boundary);
  for (const auto& part : parts) out += "--" + boundary + "\r\n" + part + "\r\n";
  return out += "--" + boundary + "--\r\n";
}

}  // namespace

std::string bounce_content(const ReportOrigin& origin, const Undelivered& message) {
  return content(Action::failed, origin, message);
}

std::string delay_warning_content(const ReportOrigin& origin, const Undelivered& message) {
  return content(Action::delayed, origin, message);
}

}  // namespace postern::mail
