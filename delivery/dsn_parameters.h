// The sender's wishes on their way to a hop with DSN (RFC 3461, 5.2.1). To one without they are not sent (statement 75).
#pragma once

#include <string>

#include "mail/envelope.h"

namespace postern::delivery {

/// Appends ` RET=... ENVID=...` of MAIL, as far as they were given, exactly as they came.
void append_dsn(const mail::DsnOptions& options, std::string& out);

/// Appends ` NOTIFY=... ORCPT=...` of RCPT in the same way. A NOTIFY without ORCPT is given that of the mailbox, so that
/// what is reported later can be told apart. An ORCPT in UTF-8 is encoded where this transaction is not `in_utf8`
/// (RFC 6533, 3), and left out where it would be too long then.
void append_dsn(const mail::Recipient& recipient, bool in_utf8, std::string& out);

}  // namespace postern::delivery
