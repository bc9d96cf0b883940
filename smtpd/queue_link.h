// The way to the queue, over a channel that is renewed whenever the queue was restarted.
#pragma once

#include <memory>
#include <string>

#include "mail/message_id.h"
#include "mail/reply.h"
#include "net/channel.h"
#include "net/frames.h"
#include "net/task.h"
#include "smtpd/questions.h"

namespace postern::smtpd {

class QueueLink {
 public:
  explicit QueueLink(net::Executor executor);
  QueueLink(const QueueLink&) = delete;
  QueueLink& operator=(const QueueLink&) = delete;

  /// A new channel. The one before it has ended: whoever waits there for an answer gets 451.
  void connect(net::Fd socket);

  /// The queue's latest word; refuses while there is no queue.
  const frames::Admission& admission() const { return admission_; }

  /// Waits until the queue has spoken for the first time.
  [[nodiscard]] net::Task<> until_admission();

 private:
  friend class Handover;
  using Channel = net::Channel<frames::SmtpdToQueue, frames::QueueToSmtpd>;

  net::Task<> listen(std::shared_ptr<Channel> channel);
  void on(frames::Admission admission);
  void on(const frames::Committed& committed);
  void on(frames::Refused refused);
  void lose();

  net::Executor executor_;
  std::shared_ptr<Channel> channel_;
  Questions<mail::Reply> commits_;
  frames::Admission admission_;
  net::Timer first_admission_;
  bool has_admission_ = false;
  net::Nursery listening_;
};

/// One message on its way into the queue; withdrawn if it goes before it is committed.
class Handover {
 public:
  Handover(QueueLink& queue, mail::MessageId id, mail::Envelope envelope);
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;
  ~Handover();

  /// A piece of content, at most frames::max_chunk.
  void send(std::string chunk);

  /// Waits while the queue is behind with reading.
  [[nodiscard]] net::Task<> drained();

  /// The queue's last word: 250 when, and only when, the message is on disk.
  [[nodiscard]] net::Task<mail::Reply> commit(net::Clock::duration limit);

 private:
  mail::MessageId id_;
  Questions<mail::Reply>::Question question_;
  std::shared_ptr<QueueLink::Channel> channel_;
  bool is_over_ = false;
};

}  // namespace postern::smtpd
