#include "smtpd/transfer.h"

#include <utility>

namespace postern::smtpd {
namespace {

Intake intake_of(mail::MessageId id, const Message& message, Framing framing, const Policy& policy,
                 std::optional<mail::Identity> identity) {
  const Stamp stamp{policy.hostname, message.protocol, id, std::chrono::system_clock::now(),
                    policy.hide_client};
  return Intake(Submitter{std::move(identity), policy.domain}, policy.message_size,
                additions(message.envelope, stamp), framing);
}

}  // namespace

Transfer::Transfer(QueueLink& queue, mail::MessageId id, Message message, Framing framing,
                   const Policy& policy, const std::optional<mail::Identity>& identity)
    : queue_(queue),
      id_(id),
      message_(std::move(message)),
      intake_(intake_of(id, message_, framing, policy, identity)) {}

std::size_t Transfer::feed(std::string_view octets) {
  const std::size_t taken = intake_.feed(octets);
  pace_.took(taken);
  return taken;
}

void Transfer::feed_chunk(std::string_view octets) {
  intake_.feed_chunk(octets);
  pace_.took(octets.size());
}

net::Task<> Transfer::pass_on() {
  for (std::string chunk = intake_.take_chunk(); !chunk.empty(); chunk = intake_.take_chunk()) {
    if (!handover_) {
      message_.envelope.needs_utf8 |= message_.is_utf8 && intake_.has_utf8_header();
      handover_.emplace(queue_, id_, std::move(message_.envelope));
    }
    handover_->send(std::move(chunk));
    co_await handover_->drained();
  }
}

net::Task<mail::Reply> Transfer::finish(net::Clock::duration limit) {
  if (intake_.refusal()) co_return *intake_.refusal();
  mail::Reply reply = co_await handover_->commit(limit);
  co_return reply;
}

}  // namespace postern::smtpd
