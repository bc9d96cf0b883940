#include "smtpd/queue_link.h"

#include <utility>

#include "net/log.h"

namespace postern::smtpd {
namespace {

mail::Reply no_queue() { return {451, {4, 3, 0}, "The queue is not available, try again later"}; }

}  // namespace

QueueLink::QueueLink(net::Executor executor)
    : executor_(executor),
      admission_{false, 0, no_queue()},
      first_admission_(executor, net::Timer::time_point::max()),
      listening_(executor) {}

void QueueLink::connect(net::Fd socket) {
  if (channel_) channel_->close();
  lose();
  channel_ = std::make_shared<Channel>(executor_, std::move(socket));
  listening_.start(listen(channel_));
}

net::Task<> QueueLink::until_admission() {
  while (!has_admission_) co_await first_admission_.async_wait(net::as_result);
}

net::Task<> QueueLink::listen(std::shared_ptr<Channel> channel) {
  for (;;) {
    net::Result<frames::QueueToSmtpd> frame = co_await channel->receive();
    if (channel != channel_) co_return;  // renewed meanwhile
    if (!frame) break;
    std::visit([this](auto& any) { on(std::move(any)); }, *frame);
  }
  net::log(net::Level::warning, "queue-lost", {});
  lose();
}

void QueueLink::on(frames::Admission admission) {
  admission_ = std::move(admission);
  // A refusal that is none would be a promise that nobody has made.
  if (!admission_.is_accepting && !admission_.refusal.is_transient() &&
      !admission_.refusal.is_permanent()) {
    admission_.refusal = no_queue();
  }
  has_admission_ = true;
  first_admission_.cancel();
}

void QueueLink::on(const frames::Committed& committed) {
  commits_.answer(committed.id.value(), {250, {2, 0, 0}, "Accepted as " + committed.id.text()});
}

void QueueLink::on(frames::Refused refused) {
  const bool is_refusal = refused.reply.is_transient() || refused.reply.is_permanent();
  commits_.answer(refused.id.value(), is_refusal ? std::move(refused.reply) : no_queue());
}

void QueueLink::lose() {
  admission_ = {false, 0, no_queue()};
  commits_.answer_all(no_queue());
}

Handover::Handover(QueueLink& queue, mail::MessageId id, mail::Envelope envelope)
    : id_(id), question_(queue.commits_, id.value(), queue.executor_), channel_(queue.channel_) {
  is_over_ = !channel_ || !channel_->is_open();
  if (!is_over_) channel_->send(frames::Open{id_, std::move(envelope)});
}

Handover::~Handover() {
  if (!is_over_) channel_->send(frames::Abort{id_});
}

void Handover::send(std::string chunk) {
  // Once the queue has refused, it would throw away what still comes.
  if (!is_over_ && !question_.is_answered()) {
    channel_->send(frames::Chunk{id_, std::move(chunk)});
  }
}

net::Task<> Handover::drained() {
  if (!is_over_) co_await channel_->drained();
}

net::Task<mail::Reply> Handover::commit(net::Clock::duration limit) {
  if (is_over_) co_return no_queue();
  is_over_ = true;
  if (!question_.is_answered()) channel_->send(frames::Commit{id_});
  std::optional<mail::Reply> reply = co_await question_.answer(limit);
  co_return reply ? std::move(*reply) : no_queue();
}

}  // namespace postern::smtpd
