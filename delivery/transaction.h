// One mail transaction over an open session: MAIL, RCPT for each recipient, DATA, the content, the final dot (RFC 5321, 3.3).
//
// What always holds: a recipient is `Delivered` only by a positive reply to the final dot. Until that dot is sent, nothing has
// happened, and another hop may be tried. From then on only the reply tells; without one the recipients are deferred, and
// may get the message twice (RFC 5321, 4.5.3.2.6). While that reply is awaited, the coroutine cannot be cancelled.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "delivery/content.h"
#include "delivery/session.h"
#include "delivery/trouble.h"
#include "mail/outcome.h"
#include "net/frames.h"

namespace postern::delivery {

/// What is to be sent. Its parts outlive the transaction.
struct Message {
  const frames::Lease& lease;
  const Content& content;
  Inspection inspection;
};

struct Transaction {
  /// What became of the recipients, in the order in which they were given. None: nothing yet. With `trouble`, another hop
  /// may be tried; without, the server takes no more recipients in one transaction, and wants another one, now
  /// (RFC 5321, 4.5.3.1.10).
  std::vector<std::optional<mail::Outcome>> outcomes;
  bool is_answered = false;            // an outcome is the server's word; else they are all ours
  std::optional<mail::Reply> closing;  // 421, in the midst of it: the server has no time
  std::optional<Trouble> trouble;
};

/// Sends `message` to those of the lease's recipients whose indices are given. A session that is no longer in step says so.
[[nodiscard]] net::Task<Transaction> transact(Session& session, Message message,
                                              std::vector<std::uint32_t> recipients);

}  // namespace postern::delivery
