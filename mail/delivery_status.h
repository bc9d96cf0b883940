// The part of a report that is for programs (RFC 3464): what became of each recipient, in fields.
#pragma once

#include <string>

#include "mail/report.h"

namespace postern::mail {

/// With the fields of its MIME header. An address that is not ASCII has the type utf-8 (RFC 6533): encoded in a
/// message/delivery-status, or, where the sender's is not ASCII either, plainly in a message/global-delivery-status.
[[nodiscard]] std::string status_part(Action action, const ReportOrigin& origin,
                                      const ReportedMessage& message);

/// The remote, cut to what a name, an address and a port can have, and safe to print; empty: there is none.
[[nodiscard]] std::string remote_of(const ReportedRecipient& recipient);

}  // namespace postern::mail
