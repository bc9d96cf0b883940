#include "queue/errand.h"

#include <algorithm>
#include <utility>

#include "net/log.h"

namespace postern::queue {
namespace {

using frames::QueueAction;

RecipientState state_after(QueueAction action) {
  switch (action) {
    case QueueAction::hold:
      return RecipientState::held;
    case QueueAction::remove:
      return RecipientState::deleted;
    case QueueAction::bounce:
      return RecipientState::bounced;
    default:
      return RecipientState::waiting;
  }
}

std::string_view event_of(QueueAction action) {
  switch (action) {
    case QueueAction::hold:
      return "held";
    case QueueAction::release:
      return "released";
    case QueueAction::remove:
      return "deleted";
    case QueueAction::bounce:
      return "returned";
    default:
      return "flushed";
  }
}

// RFC 3463: 5.0.0, other undefined status; no code of a system says that a person decided it.
Answer returned_by_operator(const std::optional<Answer>& last, const Moment& now) {
  mail::Reply reply{550, {5, 0, 0}, "returned by the operator"};
  if (last) reply.text += "; the last answer was: " + last->reply.one_line();
  return {std::move(reply), {}, now.wall};
}

}  // namespace

bool Errand::concerns(const Recipient& recipient) const {
  const bool is_lent = recipient.state == RecipientState::leased;
  const bool is_held = recipient.state == RecipientState::held;
  const bool is_waiting = recipient.state == RecipientState::waiting;
  switch (action_) {
    case QueueAction::flush:
      return is_waiting || (is_lent && !recipient.is_to_be_held);
    case QueueAction::hold:
      return is_waiting || (is_lent && !recipient.is_to_be_held);
    case QueueAction::release:
      return is_held || recipient.is_to_be_held;
    default:
      return !recipient.is_final();
  }
}

Deed Errand::deed_for(const Message& message, const std::vector<std::uint32_t>& recipients) const {
  const bool is_lent_concerned = action_ == QueueAction::hold || action_ == QueueAction::release;
  Deed deed{{}, state_after(action_), {}, is_lent_concerned};
  for (const auto i : recipients) {
    const Recipient& recipient = message.recipients.at(i);
    if (!concerns(recipient)) continue;
    (recipient.state == RecipientState::leased ? deed.lent : deed.done).push_back(i);
  }
  return deed;
}

void Errand::act(mail::MessageId id, const Deed& deed, const mail::Envelope* envelope,
                 const Moment& now, Store::Done done) {
  if (action_ == QueueAction::flush) {
    flush(id, deed, now);
    return done({});
  }
  std::vector<std::string> addresses;
  const auto name = [&](std::uint32_t i) {
    const bool is_known = envelope != nullptr && i < envelope->recipients.size();
    addresses.push_back(is_known ? envelope->recipients[i].mailbox.text() : std::string("?"));
  };
  for (const auto i : deed.done) name(i);
  if (deed.is_lent_concerned) std::ranges::for_each(deed.lent, name);
  write(id, deed, std::move(addresses), now, std::move(done));
}

Change Errand::change_of(mail::MessageId id, std::uint32_t index, const Moment& now) {
  const auto last = queue_.ledger().find(id)->recipients.at(index).answer.get();
  Answer answer = last.value_or(Answer{});
  if (action_ == QueueAction::bounce) answer = returned_by_operator(last, now);
  return queue_.change_of(id, index, state_after(action_), std::move(answer), now);
}

void Errand::flush(mail::MessageId id, const Deed& deed, const Moment& now) {
  queue_.make_due(id, deed.done, now);
  const Message& message = *queue_.ledger().find(id);
  for (const auto i : deed.done) wake(message.recipients.at(i).destination, now);
  net::log("flushed", {{"id", id}, {"recipients", deed.done.size()}, {"by", by_}});
}

void Errand::wake(const std::string& destination, const Moment& now) {
  if (woken_.insert(destination).second) queue_.wake(destination, now);
}

void Errand::write(mail::MessageId id, const Deed& deed, std::vector<std::string> addresses,
                   const Moment& now, Store::Done done) {
  std::vector<Change> changes;  // of those that nobody else has
  for (const auto i : deed.done) changes.push_back(change_of(id, i, now));
  if (action_ == QueueAction::bounce) {
    queue_.withhold(id, changes, now);
    auto bounced = [self = shared_from_this(), id, addresses = std::move(addresses),
                    done = std::move(done)](net::Result<> result) {
      if (result) self->log_each(id, addresses);
      done(result);
    };
    return reporter_.bounce(id, std::move(changes), now, std::move(bounced));
  }

  Update update{id, changes, false};
  if (deed.is_lent_concerned) {
    for (const auto i : deed.lent) update.changes.push_back(change_of(id, i, now));
    queue_.hold_lent(id, deed.lent, action_ == QueueAction::hold, now);
  }
  queue_.withhold(id, changes, now);
  auto written = [self = shared_from_this(), deed, addresses = std::move(addresses),
                  mine = Update{id, std::move(changes), false}, now,
                  done = std::move(done)](net::Result<> result) {
    Queue& queue = self->queue_;
    const mail::MessageId of = mine.id;
    if (result) {
      self->log_each(of, addresses);
      queue.apply(mine, now);
      if (self->action_ == QueueAction::release) {
        if (const Message* message = queue.ledger().find(of)) {
          for (const auto i : deed.done) self->wake(message->recipients.at(i).destination, now);
        }
      }
    } else {
      queue.give_back(of, deed.done, std::nullopt, now);
      if (deed.is_lent_concerned)
        queue.hold_lent(of, deed.lent, self->action_ == QueueAction::release, now);
    }
    done(result);
  };
  store_.record(std::move(update), std::move(written));
}

void Errand::log_each(mail::MessageId id, const std::vector<std::string>& addresses) const {
  for (const std::string& to : addresses)
    net::log(event_of(action_), {{"id", id}, {"to", to}, {"by", by_}});
}

}  // namespace postern::queue
