// A message from the client's 354, or its first chunk, to the queue's word.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "mail/message_id.h"
#include "smtpd/intake.h"
#include "smtpd/patience.h"
#include "smtpd/policy.h"
#include "smtpd/queue_link.h"
#include "smtpd/session.h"

namespace postern::smtpd {

/// The queue hears of the message with its first piece, so never of one whose header section is refused; and if this goes
/// before `finish`, the queue is told to forget it.
class Transfer {
 public:
  Transfer(QueueLink& queue, mail::MessageId id, Message message, Framing framing,
           const Policy& policy, const std::optional<mail::Identity>& identity);

  /// As of `Intake`: content in the way of DATA, up to and with the final dot; how much was taken.
  [[nodiscard]] std::size_t feed(std::string_view octets);
  /// Content in the way of BDAT: a chunk, or a part of one; and, the last was fed.
  void feed_chunk(std::string_view octets);
  void end_chunks() { intake_.finish(); }

  bool is_complete() const { return intake_.is_complete(); }

  /// Hands the queue what is ready for it, and waits while it is behind.
  [[nodiscard]] net::Task<> pass_on();

  /// Why the message is not taken.
  const std::optional<mail::Reply>& refusal() const { return intake_.refusal(); }

  /// No more content comes: the queue's last word, or the refusal.
  [[nodiscard]] net::Task<mail::Reply> finish(net::Clock::duration limit);

  const Pace& pace() const { return pace_; }

 private:
  QueueLink& queue_;
  mail::MessageId id_;
  Message message_;
  Pace pace_;
  Intake intake_;
  std::optional<Handover> handover_;
};

}  // namespace postern::smtpd
