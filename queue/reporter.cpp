#include "queue/reporter.h"

#include <algorithm>
#include <utility>

#include "mail/header.h"
#include "mail/report.h"
#include "net/checksum.h"
#include "net/log.h"

namespace postern::queue {
namespace {

constexpr std::size_t max_header_read = mail::max_returned_header + 4;

mail::Undelivered undelivered(mail::MessageId id, const MessageHead& head, std::string_view front) {
  return {id, head.arrival, *head.envelope.reverse_path, mail::header_section_of(front), {}};
}

mail::ReportedRecipient reported(const mail::Mailbox& mailbox, const Answer& answer,
                                 WallTime retry_until) {
  return {mailbox, answer.reply, answer.remote, answer.time, retry_until};
}

std::vector<std::uint32_t> recipients_of(const std::vector<Change>& changes) {
  std::vector<std::uint32_t> indices;
  for (const Change& change : changes) indices.push_back(change.recipient);
  return indices;
}

void log_bounced(mail::MessageId id, const mail::Envelope& envelope, const std::vector<Change>& all,
                 std::string_view report) {
  for (const Change& change : all) {
    net::log("bounced", {{"id", id},
                         {"to", envelope.recipients[change.recipient].mailbox},
                         {"remote", change.answer.remote},
                         {"reply", change.answer.reply.one_line()},
                         {"report", report}});
  }
}

// RFC 3463: 4.4.7, delivery time expired. The words of the last attempt say why.
mail::Reply expiry_reply(const Answer* last) {
  mail::Reply reply{451, {4, 4, 7}, "delivery time expired"};
  if (last != nullptr) reply.text += "; the last answer was: " + last->reply.one_line();
  return reply;
}

}  // namespace

void Reporter::bounce(mail::MessageId id, std::vector<Change> failures, const Moment& now) {
  net::Result<StoredMessage> stored = store_.read(id);
  if (!stored) {
    // What cannot be read cannot be reported: now, where the disk has a fault that may pass; ever, where it is damaged.
    net::log(net::Level::error, "unreadable", {{"id", id}, {"error", stored.error().message()}});
    queue_.give_back(id, recipients_of(failures), queue_.next_attempt(1, now), now);
    if (stored.error() == boost::system::errc::bad_message) queue_.set_aside(id, now);
    return;
  }
  auto& head = stored->head;
  Update update{id, std::move(failures), false};
  if (!head.envelope.reverse_path) return end_without_report(std::move(update), head.envelope, now);

  const std::string front = front_of(*stored, max_header_read);
  mail::Undelivered about = undelivered(id, head, front);
  for (const Change& change : update.changes) {
    about.recipients.push_back(
        reported(head.envelope.recipients.at(change.recipient).mailbox, change.answer, {}));
  }
  const mail::MessageId report = ids_.next(now.wall);
  std::string content = mail::bounce_content({hostname_, now.wall, report}, about);
  auto done = [this, id, report, now, envelope = head.envelope,
               changes = update.changes](net::Result<> result) {
    if (result) return log_bounced(id, envelope, changes, report.text());
    net::log(net::Level::error, "bounce-deferred",
             {{"id", id}, {"error", result.error().message()}});
    queue_.give_back(id, recipients_of(changes), queue_.next_attempt(1, now), now);
  };
  send({report, mail::envelope_of_report(about.sender), now.wall, nullptr, std::move(update)},
       std::move(content), now, std::move(done));
}

void Reporter::end_without_report(Update update, const mail::Envelope& envelope,
                                  const Moment& now) {
  log_bounced(update.id, envelope, update.changes, "none");
  net::log(net::Level::warning, "undeliverable-bounce", {{"id", update.id}});
  queue_.settle(std::move(update), now);
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
  for (const auto id : queue_.expired(now, max_sweep)) expire(id, now);
  for (const auto id : queue_.late(now, max_sweep)) warn(id, now);
}

void Reporter::expire(mail::MessageId id, const Moment& now) {
  const Message* message = queue_.ledger().find(id);
  std::vector<Change> failures;
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
    const Recipient& recipient = message->recipients[i];
    if (recipient.state != RecipientState::waiting) continue;
    const Answer* last = recipient.answer.get();
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
  const auto& head = stored->head;
  if (!head.envelope.reverse_path) return queue_.settle({id, {}, true}, now);

  const std::string front = front_of(*stored, max_header_read);
  mail::Undelivered about = undelivered(id, head, front);
  const WallTime retry_until = now.on_wall(message->arrival + queue_.times().expire);
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
    const Recipient& recipient = message->recipients[i];
    if (recipient.is_final()) continue;
    const Answer answer = recipient.answer
                              ? *recipient.answer
                              : Answer{{451, {4, 4, 1}, "not yet tried"}, {}, now.wall};
    about.recipients.push_back(
        reported(head.envelope.recipients.at(i).mailbox, answer, retry_until));
  }
  const mail::MessageId report = ids_.next(now.wall);
  std::string content = mail::delay_warning_content({hostname_, now.wall, report}, about);
  auto done = [this, id, report](net::Result<> result) {
    if (result) return net::log("warned", {{"id", id}, {"report", report}});
    if (Message* late = queue_.ledger().find(id)) late->is_warned = false;
  };
  send({report, mail::envelope_of_report(about.sender), now.wall, nullptr, Update{id, {}, true}},
       std::move(content), now, std::move(done));
}

}  // namespace postern::queue
