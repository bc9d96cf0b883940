// What became of a recipient in one attempt.
#pragma once

#include <variant>

#include "mail/reply.h"

namespace postern::mail {

/// The next hop has taken responsibility: its reply to the final dot was positive.
struct Delivered {
  Reply reply;
};
/// Not now: to be tried again until the message expires.
struct Deferred {
  Reply reply;
};
/// Never: to be bounced.
struct Failed {
  Reply reply;
};

/// `reply` is the remote's own words, or ours, with a status from RFC 3463, where no remote could be asked.
using Outcome = std::variant<Delivered, Deferred, Failed>;

/// What a reply means for its recipient. A code outside RFC 5321, 4.2.1 defers: a broken server must not lose mail.
[[nodiscard]] Outcome outcome_of(Reply reply);

[[nodiscard]] inline const Reply& reply_of(const Outcome& outcome) {
  return std::visit([](const auto& any) -> const Reply& { return any.reply; }, outcome);
}

}  // namespace postern::mail
