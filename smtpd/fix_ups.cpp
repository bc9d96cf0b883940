#include "smtpd/fix_ups.h"

#include <algorithm>
#include <array>

#include "mail/date.h"
#include "mail/header.h"

namespace postern::smtpd {
namespace {

// RFC 6409, 8 leaves Bcc to local policy: whoever is named there must not be seen by the others. Return-Path is for the
// last server to write (RFC 5321, 4.4).
constexpr std::array<std::string_view, 3> removed{"Bcc", "Resent-Bcc", "Return-Path"};

// RFC 5321, 4.4: `client.example ([192.0.2.1])`. A greeting that is no domain is replaced by the address: nothing that a
// client made up gets into the header.
std::string from_clause(const mail::Origin& origin) {
  const bool is_v6 = origin.client.find(':') != std::string::npos;
  const std::string literal = (is_v6 ? "[IPv6:" : "[") + origin.client + ']';
  const auto domain = mail::parse_domain(origin.helo);
  return "from " + (domain ? *domain : literal) + " (" + literal + ")";
}

std::string received_field(const mail::Envelope& envelope, const Stamp& stamp) {
  std::string field = "Received: ";
  const bool is_hidden = stamp.hide_client && !envelope.origin.login.empty();
  if (!is_hidden) field += from_clause(envelope.origin) + "\r\n\t";
  field += "by " + stamp.hostname + " with " + stamp.protocol + " id " + stamp.id.text();
  // With several, `for` would tell each of them about another (RFC 5321, 7.2).
  if (envelope.recipients.size() == 1) {
    field += "\r\n\tfor <" + envelope.recipients.front().mailbox.text() + '>';
  }
  return field + ";\r\n\t" + mail::date_text(stamp.now) + "\r\n";
}

}  // namespace

Additions additions(const mail::Envelope& envelope, const Stamp& stamp) {
  return {received_field(envelope, stamp), "Date: " + mail::date_text(stamp.now) + "\r\n",
          "Message-ID: <" + stamp.id.text() + '@' + stamp.hostname + ">\r\n"};
}

Checked<std::string> fix_up(std::string_view section, const Additions& additions) {
  const auto fields = mail::split_header(section);
  if (!fields)
    return mail::Reply{550, {5, 6, 0}, "The message is malformed: " + fields.error().reason};
  const auto count = [&](std::string_view name) {
    return std::ranges::count_if(*fields, [&](const auto& field) { return is_named(field, name); });
  };
  if (count("Received") > static_cast<std::ptrdiff_t>(max_received_fields)) {
    return mail::Reply{
        554, {5, 4, 6}, "The message goes round in circles: too many Received fields"};
  }
  std::string fixed = additions.received;
  for (const mail::HeaderField& field : *fields) {
    const bool is_removed =
        std::ranges::any_of(removed, [&](std::string_view name) { return is_named(field, name); });
    if (!is_removed) fixed += field.raw;
  }
  if (count("Date") == 0) fixed += additions.date;
  if (count("Message-ID") == 0) fixed += additions.message_id;
  return fixed;
}

}  // namespace postern::smtpd
