#include "queue/ledger.h"

#include <algorithm>

#include "net/codec.h"

namespace postern::queue {
namespace {

std::string words_of(Answer answer) {
  answer.time = {};
  return answer.is_given() ? net::encode(answer) : std::string();
}

}  // namespace

LastAnswer::LastAnswer(const Answer& answer) : words_(words_of(answer)), time_(answer.time) {}

std::optional<Answer> LastAnswer::get() const {
  if (!is_given()) return std::nullopt;
  std::optional<Answer> answer = net::decode<Answer>(words_.get());
  if (answer) answer->time = time_;
  return answer;
}

bool Message::is_over() const {
  return std::all_of(recipients.begin(), recipients.end(),
                     [](const Recipient& recipient) { return recipient.is_final(); });
}

void Ledger::on_message(mail::MessageId id, const MessageHead& head) {
  const std::size_t before = messages_.size();
  // Nearly always it is the youngest.
  Message& message = messages_.try_emplace(messages_.end(), id)->second;
  if (messages_.size() == before) return;
  const mail::Envelope& envelope = head.envelope;
  message.arrival = now_.past(head.arrival);
  message.accepted = head.arrival;
  message.size = head.size;
  if (envelope.reverse_path) message.sender_domain = envelope.reverse_path->domain();
  message.login = envelope.origin.login;
  message.recipients.reserve(envelope.recipients.size());
  for (const auto& [mailbox, notify, original] : envelope.recipients) {
    Recipient& recipient = message.recipients.emplace_back();
    recipient.domain = mailbox.domain();
    recipient.due = now_.steady;
  }
}

void Ledger::on_update(const Update& update) {
  Message* message = find(update.id);
  if (message == nullptr) return;
  message->is_warned |= update.is_warned;
  for (const Change& change : update.changes) {
    if (change.recipient >= message->recipients.size()) continue;
    Recipient& recipient = message->recipients[change.recipient];
    if (recipient.is_final()) continue;
    recipient.answer = LastAnswer(change.answer);
    const bool was_held = recipient.state == RecipientState::held || recipient.is_to_be_held;
    const bool is_still_owed = recipient.is_owed_attempt && change.attempts == recipient.attempts;
    recipient.is_owed_attempt =
        (was_held || is_still_owed) && change.state == RecipientState::waiting;
    recipient.is_to_be_held = false;
    recipient.state = change.state;
    recipient.attempts = change.attempts;
    recipient.due = now_.upcoming(change.next_attempt, max_retry_);
  }
}

Update Ledger::state_of(mail::MessageId id) const {
  Update update{id, {}, false};
  const auto entry = messages_.find(id);
  if (entry == messages_.end()) return update;
  const Message& message = entry->second;
  update.is_warned = message.is_warned;
  for (std::uint32_t i = 0; i < message.recipients.size(); ++i) {
    const Recipient& recipient = message.recipients[i];
    const auto returned = recipient.is_to_be_held ? RecipientState::held : RecipientState::waiting;
    const auto state = recipient.state == RecipientState::leased ? returned : recipient.state;
    const bool is_as_it_came = state == RecipientState::waiting && recipient.attempts == 0 &&
                               !recipient.answer.is_given() && !recipient.is_owed_attempt;
    if (is_as_it_came) continue;
    update.changes.push_back(
        {i, state, recipient.attempts, now_.on_wall(recipient.due), recipient.answer.value_or({})});
  }
  return update;
}

Message* Ledger::find(mail::MessageId id) {
  const auto entry = messages_.find(id);
  return entry == messages_.end() ? nullptr : &entry->second;
}

}  // namespace postern::queue
