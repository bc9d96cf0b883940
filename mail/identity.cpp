#include "mail/identity.h"

#include <algorithm>

#include "mail/ascii.h"

namespace postern::mail {

bool Identity::may_send_as(const Mailbox& sender) const {
  return any_sender || std::ranges::any_of(senders, [&](const Mailbox& own) {
           return own.domain() == sender.domain() &&
                  equals_ignoring_case(own.local_part(), sender.local_part());
         });
}

}  // namespace postern::mail
