// Who a client has proved to be, and which sender addresses are its own.
#pragma once

#include <string>
#include <vector>

#include "mail/mailbox.h"

namespace postern::mail {

/// A name that the auth role has proved to be that of the client.
struct Identity {
  std::string login;
  std::vector<Mailbox> senders{};  // its own addresses
  bool any_sender = false;         // may use everybody's

  /// May it say that it is `sender`? Upper and lower case are one: no office has a Bob beside a bob.
  [[nodiscard]] bool may_send_as(const Mailbox& sender) const;
};

}  // namespace postern::mail
