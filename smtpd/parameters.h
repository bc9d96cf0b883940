// What stands behind the path of a MAIL or RCPT command: `SIZE=4711 BODY=8BITMIME` (RFC 5321, 4.1.2).
#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string_view>

#include "mail/envelope.h"
#include "mail/reply.h"

namespace postern::smtpd {

/// A value, or the reply that refuses what the client sent.
template <class T>
using Checked = boost::system::result<T, mail::Reply>;

/// Which extensions the client was told of. Only their parameters are known.
struct Announced {
  bool is_extended = false;  // EHLO: SIZE, 8BITMIME
  bool has_auth = false;
};

/// This is the place of SMTPUTF8 (RFC 6531), RET and ENVID (RFC 3461).
struct MailParameters {
  std::uint64_t size = 0;  // as the client estimates it (RFC 1870, 6); 0: it says nothing
  mail::BodyType body = mail::BodyType::seven_bit;
};

/// Parameters parted by spaces. 555 for one that was not announced; 501 for one that is malformed or there twice.
[[nodiscard]] Checked<MailParameters> parse_mail_parameters(std::string_view text,
                                                            const Announced& announced);

/// This is the place of NOTIFY and ORCPT (RFC 3461).
struct RcptParameters {};

[[nodiscard]] Checked<RcptParameters> parse_rcpt_parameters(std::string_view text);

}  // namespace postern::smtpd
