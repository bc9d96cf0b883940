#include "queue/reporter.h"

#include <algorithm>
#include <utility>

#include "net/checksum.h"
#include "net/log.h"

namespace postern::queue {
namespace {

mail::ReportedRecipient reported(const mail::Recipient& recipient, const Answer& answer,
                                 WallTime retry_until = {}) {
  return {recipient.mailbox, recipient.original, answer.reply,
          answer.remote,     answer.time,        retry_until};
}

std::vector<std::uint32_t> recipients_of(const std::vector<Change>& changes) {
  std::vector<std::uint32_t> indices;
  for (const Change& change : changes) indices.push_back(change.recipient);
  return indices;
}

// `report`: its id, for those whose failure the sender wants to hear of, or why there is none.
void log_bounced(mail::MessageId id, const mail::Envelope& envelope, const std::vector<Change>& all,
                 std::string_view report) {
  for (const Change& change : all) {
    const mail::Recipient& to = envelope.recipients.at(change.recipient);
    net::log("bounced", {{"id", id},
                         {"to", to.mailbox},
                         {"remote", change.answer.remote},
                         {"reply", change.answer.reply.one_line()},
                         {"report", to.notify.wants_failure() ? report : "unwanted"}});
  }
}

// RFC 3463: 4.4.7, delivery time expired. The words of the last attempt say why.
mail::Reply expiry_reply(const std::optional<Answer>& last) {
  mail::Reply reply{451, {4, 4, 7}, "delivery time expired"};
  if (last) reply.text += "; the last answer was: " + last->reply.one_line();
  return reply;
}

}  // namespace

// What a report is about.
struct Reporter::Subject {
  mail::Action action;
  mail::MessageId id;
  mail::MessageId report;
  const StoredMessage& message;
};

void Reporter::bounce(mail::MessageId id, std::vector<Change> failures, const Moment& now,
                      Store::Done done) {
  const net::Result<StoredMessage> stored = store_.read(id);
  if (!stored) {
    // What cannot be read cannot be reported: now, where the disk has a fault that may pass; ever, where it is damaged.
    net::log(net::Level::error, "unreadable", {{"id", id}, {"error", stored.error().message()}});
    queue_.give_back(id, recipients_of(failures), queue_.next_attempt(1, now), now);
    if (stored.error() == boost::system::errc::bad_message) queue_.set_aside(id, now);
    if (done) done(stored.error());
    return;
  }
  const mail::Envelope& envelope = stored->head.envelope;
  std::vector<mail::ReportedRecipient> wanted;
  for (const Change& change : failures) {
    const mail::Recipient& recipient = envelope.recipients.at(change.recipient);
    if (recipient.notify.wants_failure()) wanted.push_back(reported(recipient, change.answer));
  }
  const bool is_told = envelope.reverse_path && !wanted.empty();
  if (!is_told && !envelope.reverse_path)
    net::log(net::Level::warning, "undeliverable-bounce", {{"id", id}});
  if (!is_told && !done) {  // nobody waits for it: the store writes it down, sooner or later
    log_bounced(id, envelope, failures, "none");
    return queue_.settle({id, std::move(failures), false}, now);
  }
  const mail::MessageId report_id = is_told ? ids_.next(now.wall) : mail::MessageId();
  auto written = [this, id, now, envelope, failures, done = std::move(done),
                  report = is_told ? report_id.text() : "none"](net::Result<> result) {
    if (result) {
      log_bounced(id, envelope, failures, report);
    } else {
      net::log(net::Level::error, "bounce-deferred",
               {{"id", id}, {"error", result.error().message()}});
      queue_.give_back(id, recipients_of(failures), queue_.next_attempt(1, now), now);
    }
    if (done) done(result);
  };
  Update update{id, std::move(failures), false};
  if (is_told) {
    report({mail::Action::failed, id, report_id, *stored}, std::move(wanted), std::move(update),
           now, std::move(written));
  } else {
    store_.record(update, [this, update, now, written = std::move(written)](net::Result<> result) {
      if (result) queue_.apply(update, now);
      written(result);
    });
  }
}

void Reporter::passed_on(mail::MessageId id, std::vector<Change> deliveries, const Moment& now) {
  const net::Result<StoredMessage> stored = store_.read(id);
  const auto end_unreported = [this, id, deliveries, now](net::error_code error) {
    net::log(net::Level::error, "success-unreported", {{"id", id}, {"error", error.message()}});
    queue_.settle({id, deliveries, false}, now);
  };
  if (!stored) return end_unreported(stored.error());
  const mail::Envelope& envelope = stored->head.envelope;
  if (!envelope.reverse_path) return queue_.settle({id, std::move(deliveries), false}, now);
  std::vector<mail::ReportedRecipient> recipients;
  for (const Change& change : deliveries) {
    recipients.push_back(reported(envelope.recipients.at(change.recipient), change.answer));
  }
  const mail::MessageId report_id = ids_.next(now.wall);
  auto done = [id, report_id, end_unreported](net::Result<> result) {
    if (!result) return end_unreported(result.error());
    net::log("success-reported", {{"id", id}, {"report", report_id}});
  };
  report({mail::Action::relayed, id, report_id, *stored}, std::move(recipients),
         {id, std::move(deliveries), false}, now, std::move(done));
}

void Reporter::report(const Subject& subject, std::vector<mail::ReportedRecipient> recipients,
                      Update update, const Moment& now, Store::Done done) {
  const auto& [action, id, report_id, message] = subject;
  const MessageHead& head = message.head;
  const mail::Envelope& envelope = head.envelope;
  const std::string front =
      front_of(message, mail::content_needed(action, envelope.dsn.ret, head.size));
  const mail::ReportedMessage about{id,           head.arrival,         *envelope.reverse_path,
                                    envelope.dsn, envelope.needs_utf8,  front,
                                    head.size,    std::move(recipients)};
  std::string content = mail::report_content(action, {hostname_, now.wall, report_id}, about);
  send({report_id, mail::envelope_of_report(about.sender), now.wall, nullptr, std::move(update)},
       std::move(content), now, std::move(done));
}

void Reporter::send(Incoming report, std::string content, const Moment& now, Store::Done done) {
  MessageHead head{report.envelope,      report.arrival, content.size(),
                   net::crc32c(content), false,          report.reports};
  report.content = store_.begin(report.id);
  const net::Result<> added = report.content->add(std::move(content));
  if (!added) return done(added);
  auto accepted = [this, now, id = report.id, head = std::move(head),
                   done = std::move(done)](net::Result<> result) {
    done(result);
    if (!result) return;
    queue_.add(id, head, now);
    net::log("accepted", {{"id", id},
                          {"from", head.envelope.reverse_path},
                          {"to", head.envelope.recipients.front().mailbox},
                          {"size", head.size},
                          {"about", head.reports->id}});
    on_new_();
  };
  store_.accept(std::move(report), std::move(accepted));
}

void Reporter::sweep(const Moment& now) {
  if (store_.is_behind()) return;  // reports would only add to what it has to write
  const Queue::Overdue overdue = queue_.overdue(now, max_sweep);
  for (const auto id : overdue.expired) expire(id, now);
  for (const auto id : overdue.late) warn(id, now);
}

void Reporter::expire(mail::MessageId id, const Moment& now) {
  const Message* message = queue_.ledger().find(id);
  std::vector<Change> failures;
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
    const Recipient& recipient = message->recipients[i];
    if (!recipient.may_expire()) continue;
    const std::optional<Answer> last = recipient.answer.get();
    Answer answer{expiry_reply(last), last ? last->remote : std::string(),
                  last ? last->time : now.wall};
    failures.push_back(queue_.change_of(id, i, RecipientState::bounced, std::move(answer), now));
  }
  net::log("expired", {{"id", id}, {"recipients", failures.size()}});
  queue_.withhold(id, failures, now);
  bounce(id, std::move(failures), now);
}

void Reporter::warn(mail::MessageId id, const Moment& now) {
  Message* message = queue_.ledger().find(id);
  const net::Result<StoredMessage> stored = store_.read(id);
  if (!stored) {
    if (stored.error() == boost::system::errc::bad_message) queue_.set_aside(id, now);
    return;  // else the next sweep tries again
  }
  message->is_warned = true;  // at once, so that the next sweep does not do it again
  const mail::Envelope& envelope = stored->head.envelope;
  const WallTime retry_until = now.on_wall(message->arrival + queue_.times().expire);
  std::vector<mail::ReportedRecipient> late;
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
    const Recipient& recipient = message->recipients[i];
    const mail::Recipient& to = envelope.recipients.at(i);
    const bool is_held = recipient.state == RecipientState::held || recipient.is_to_be_held;
    if (recipient.is_final() || is_held || !to.notify.wants_delay()) continue;
    const Answer answer =
        recipient.answer.value_or({{451, {4, 4, 1}, "not yet tried"}, {}, now.wall});
    late.push_back(reported(to, answer, retry_until));
  }
  if (!envelope.reverse_path || late.empty()) return queue_.settle({id, {}, true}, now);

  const mail::MessageId report_id = ids_.next(now.wall);
  auto done = [this, id, report_id](net::Result<> result) {
    if (result) return net::log("warned", {{"id", id}, {"report", report_id}});
    if (Message* again = queue_.ledger().find(id)) again->is_warned = false;
  };
  report({mail::Action::delayed, id, report_id, *stored}, std::move(late), {id, {}, true}, now,
         std::move(done));
}

}  // namespace postern::queue
