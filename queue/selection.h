// What an operator means by a filter (frames::QueueFilter): which messages, and which of their recipients. What the ledger
// knows (ids, domains, logins, states, ages) is decided without reading anything; only whole addresses need the envelope.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mail/envelope.h"
#include "mail/mailbox.h"
#include "mail/message_id.h"
#include "mail/parsed.h"
#include "net/frames.h"
#include "queue/ledger.h"
#include "queue/moment.h"

namespace postern::queue {

class Selection {
 public:
  /// An error: what is wrong with the filter.
  [[nodiscard]] static mail::Parsed<Selection> of(const frames::QueueFilter& filter);

  /// False: nothing of this message is meant, whatever its envelope says.
  [[nodiscard]] bool may_mean(const Message& message, const Moment& now) const;
  [[nodiscard]] bool needs_envelope() const { return sender_ || recipient_; }
  /// The recipients that are meant, of a message that may be; by their indices. `envelope` may be missing where none is
  /// needed.
  [[nodiscard]] std::vector<std::uint32_t> recipients(const Message& message,
                                                      const mail::Envelope* envelope) const;

 private:
  Selection() = default;
  [[nodiscard]] bool may_mean(const Recipient& recipient) const;

  std::optional<mail::ReversePath> sender_;
  std::optional<mail::Mailbox> recipient_;
  std::string domain_;  // empty: any
  std::string login_;   // empty: any
  std::optional<RecipientState> state_;
  std::chrono::seconds min_age_{};
  std::optional<std::chrono::seconds> max_age_;
};

/// Goes over the messages that are named, or, where none is, over all that are in the queue now; oldest first. The queue may
/// change between two steps: what comes in meanwhile is not gone over, and what went is not named.
class Walk {
 public:
  Walk(Ledger& ledger, std::vector<mail::MessageId> named);

  /// Nothing: that was all. A message that was named need not exist.
  [[nodiscard]] std::optional<mail::MessageId> next();

 private:
  Ledger& ledger_;
  std::vector<mail::MessageId> named_;  // in reverse
  bool is_over_all_;
  mail::MessageId at_;
  mail::MessageId last_;
};

}  // namespace postern::queue
