// What stands behind the path of a MAIL or RCPT command: `SIZE=4711 BODY=8BITMIME` (RFC 5321, 4.1.2).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "mail/dsn.h"
#include "mail/envelope.h"
#include "mail/reply.h"

namespace postern::smtpd {

/// A value, or the reply that refuses what the client sent.
template <class T>
using Checked = boost::system::result<T, mail::Reply>;

/// Which extensions the client was told of. Only their parameters are known.
struct Announced {
  bool is_extended = false;  // EHLO: SIZE, 8BITMIME, SMTPUTF8, DSN
  bool has_auth = false;
};

struct MailParameters {
  std::uint64_t size = 0;  // as the client estimates it (RFC 1870, 6); 0: it says nothing
  mail::BodyType body = mail::BodyType::seven_bit;
  bool is_utf8 =
      false;  // SMTPUTF8: addresses and header section may be outside ASCII (RFC 6531, 3.4)
  mail::DsnOptions dsn{};
};

/// Parameters parted by spaces. 555 for one that was not announced; 501 for one that is malformed or there twice.
[[nodiscard]] Checked<MailParameters> parse_mail_parameters(std::string_view text,
                                                            const Announced& announced);

/// Of one recipient (RFC 3461, 4.1 and 4.2).
struct RcptParameters {
  mail::Notify notify{};
  std::string original{};
};

/// Likewise. `is_utf8`: the transaction has SMTPUTF8, and so may ORCPT (RFC 6533, 3).
[[nodiscard]] Checked<RcptParameters> parse_rcpt_parameters(std::string_view text,
                                                            const Announced& announced,
                                                            bool is_utf8);

}  // namespace postern::smtpd
