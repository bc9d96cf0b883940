// Reports to senders: bounces of what failed or expired, one warning when a message is late, and, for those who want to
// hear of success, that a message was passed on to a hop without DSN. A report is a message like any other; it becomes
// durable in one record with what it reports, so neither is ever lost (statements 84 to 91). One report tells of all
// recipients to whom the same happened at the same time.
//
// Nobody is told what he did not ask for (NOTIFY; RFC 3461, 4.1), and a null reverse-path is told nothing: a bounce is never
// bounced (RFC 5321, 6.1). Then the log alone says how it ended. Our own reports therefore leave without NOTIFY=NEVER, which
// RFC 3461, 6.1, would allow: their null reverse-path says as much, also to servers that have never heard of DSN.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mail/message_id.h"
#include "mail/report.h"
#include "queue/moment.h"
#include "queue/queue.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr unsigned report_maker = mail::MessageIdMaker::max_maker;
/// Bounces, and warnings, in one sweep: what becomes overdue all at once is told of over time (each reads its message, and
/// is one more that waits).
inline constexpr std::size_t max_sweep = 100;

class Reporter {
 public:
  /// `on_new`: a report waits to be delivered.
  Reporter(Store& store, Queue& queue, std::function<void()> on_new)
      : store_(store), queue_(queue), on_new_(std::move(on_new)) {}

  void configure(std::string hostname) { hostname_ = std::move(hostname); }

  /// These recipients, which nobody else may touch meanwhile (lent or withheld), have failed for good: tells the
  /// sender, and ends them. Where that cannot be written down they wait again. `done`, where there is one, hears once of
  /// either; an error `bad_message`: the message is damaged.
  void bounce(mail::MessageId id, std::vector<Change> failures, const Moment& now,
              Store::Done done = nullptr);

  /// These recipients, which nobody else may touch meanwhile, want to hear of success, and a hop without DSN took the message
  /// for them: tells the sender, and ends them. Where that cannot be written down they end all the same, with an ERROR in
  /// the log: another attempt would deliver the message twice.
  void passed_on(mail::MessageId id, std::vector<Change> deliveries, const Moment& now);

  /// Bounces what has expired, and warns of what is late. Held recipients neither expire, nor is anybody warned of them; one
  /// that was released is tried once more before it expires.
  void sweep(const Moment& now);

 private:
  void expire(mail::MessageId id, const Moment& now);
  void warn(mail::MessageId id, const Moment& now);
  struct Subject;

  /// Writes the report, and sends it together with `update`.
  void report(const Subject& subject, std::vector<mail::ReportedRecipient> recipients,
              Update update, const Moment& now, Store::Done done);
  void send(Incoming report, std::string content, const Moment& now, Store::Done done);

  Store& store_;
  Queue& queue_;
  std::function<void()> on_new_;
  std::string hostname_;
  mail::MessageIdMaker ids_{report_maker};
};

}  // namespace postern::queue
