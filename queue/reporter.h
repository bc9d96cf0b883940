// Reports to senders: bounces of what failed or expired, and one warning when a message is late. A report is a
// message like any other; it becomes durable in one record with what it reports, so neither is ever lost
// (statements 84 to 91).
//
// A bounce is never bounced (RFC 5321, 6.1): what fails with a null reverse-path ends with a line in the log.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mail/message_id.h"
#include "queue/moment.h"
#include "queue/queue.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr unsigned report_maker = mail::MessageIdMaker::max_maker;
inline constexpr std::size_t max_sweep = 100;  // reports in one sweep: each reads its message

class Reporter {
 public:
  /// `on_new`: a report waits to be delivered.
  Reporter(Store& store, Queue& queue, std::function<void()> on_new)
      : store_(store), queue_(queue), on_new_(std::move(on_new)) {}

  void configure(std::string hostname) { hostname_ = std::move(hostname); }

  /// These recipients, which nobody else may touch meanwhile (lent or withheld), have failed for good: tells the
  /// sender, and ends them. Where that cannot be written down they wait again.
  void bounce(mail::MessageId id, std::vector<Change> failures, const Moment& now);

  /// Bounces what has expired, and warns of what is late.
  void sweep(const Moment& now);

 private:
  void expire(mail::MessageId id, const Moment& now);
  void warn(mail::MessageId id, const Moment& now);
  void send(Incoming report, std::string content, const Moment& now, Store::Done done);
  void end_without_report(Update update, const mail::Envelope& envelope, const Moment& now);

  Store& store_;
  Queue& queue_;
  std::function<void()> on_new_;
  std::string hostname_;
  mail::MessageIdMaker ids_{report_maker};
};

}  // namespace postern::queue
