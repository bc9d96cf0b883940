// What a submission server does to a header section (RFC 6409, 8): Received at the top; Date, Message-ID and From where they
// are missing; domains behind bare names; away with what only the sender should see; lines that are too long are folded.
// Everything else stays as it came, byte for byte, and so does what a DKIM-Signature covers: what cannot stay so is refused.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/header.h"
#include "mail/identity.h"
#include "mail/message_id.h"
#include "smtpd/parameters.h"

namespace postern::smtpd {

inline constexpr std::size_t max_received_fields = 100;  // RFC 5321, 6.3: more are a loop

/// Whole fields, each with its CRLF.
struct Additions {
  std::string received;
  std::string date;        // for a header section that has none
  std::string message_id;  // likewise
  std::string from{};      // likewise; empty: the reverse-path is null
};

/// Whose content it is.
struct Submitter {
  std::optional<mail::Identity> identity{};  // From must be its own; none: a device in mynetworks
  std::string domain{};  // of addresses without one; empty: they stay as they are
};

/// Who takes the message, when, and what it is called.
struct Stamp {
  std::string hostname;
  std::string protocol;  // RFC 3848 and RFC 6531, 4.3: `ESMTPSA`, `UTF8SMTPSA`
  mail::MessageId id;
  std::chrono::system_clock::time_point now;
  bool hide_client = true;  // an authenticated client's address, greeting and TLS are left out
};

[[nodiscard]] Additions additions(const mail::Envelope& envelope, const Stamp& stamp);

/// Why `reason` makes a message none.
[[nodiscard]] mail::Reply malformed(const std::string& reason);

/// The header section that has `fields`, without the empty line behind it, as it goes out. Refused where it names an author
/// whom the submitter may not be, where it cannot be sent, or where it has gone through too many servers.
[[nodiscard]] Checked<std::string> fix_up(const std::vector<mail::HeaderField>& fields,
                                          const Additions& additions, const Submitter& submitter);

}  // namespace postern::smtpd
