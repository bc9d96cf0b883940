// What a submission server does to a header section (RFC 6409, 8): Received at the top, Date and Message-ID where they are
// missing, away with what only the sender should see. Everything else stays as it came, byte for byte.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "mail/envelope.h"
#include "mail/message_id.h"
#include "smtpd/parameters.h"

namespace postern::smtpd {

inline constexpr std::size_t max_received_fields = 100;  // RFC 5321, 6.3: more are a loop

/// Whole fields, each with its CRLF.
struct Additions {
  std::string received;
  std::string date;        // for a header section that has none
  std::string message_id;  // likewise
};

/// Who takes the message, when, and what it is called.
struct Stamp {
  std::string hostname;
  std::string protocol;  // RFC 3848: `ESMTPSA`
  mail::MessageId id;
  std::chrono::system_clock::time_point now;
  bool hide_client = true;  // an authenticated client's address and greeting are left out
};

[[nodiscard]] Additions additions(const mail::Envelope& envelope, const Stamp& stamp);

/// The header section, without the empty line behind it, as it goes out. Refused where it is no header section, or where
/// it has gone through too many servers.
[[nodiscard]] Checked<std::string> fix_up(std::string_view section, const Additions& additions);

}  // namespace postern::smtpd
