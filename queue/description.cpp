#include "queue/description.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "mail/header.h"

namespace postern::queue {
namespace {

constexpr std::string_view cut_mark = "...";

std::string cut(std::string text) {
  if (text.size() <= max_shown_text) return text;
  std::size_t end = max_shown_text - cut_mark.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // UTF-8
  return text.substr(0, end).append(cut_mark);
}

// Domains in the ledger are well formed, and so is what is made of them here.
mail::Mailbox unread_mailbox(const Name& domain) {
  return *mail::Mailbox::parse("?@" + domain.get());
}

mail::Envelope unread_envelope(const Message& message) {
  mail::Envelope envelope =
      mail::envelope_of_report(unread_mailbox(message.recipients.front().domain));
  if (!message.sender_domain.get().empty())
    envelope.reverse_path = unread_mailbox(message.sender_domain);
  envelope.origin.login = message.login;
  envelope.recipients.clear();
  for (const Recipient& recipient : message.recipients) {
    envelope.recipients.push_back({unread_mailbox(recipient.domain)});
  }
  return envelope;
}

frames::QueuedRecipient shown(Queue& queue, const mail::Mailbox& mailbox,
                              const Recipient& recipient, const Moment& now) {
  frames::QueuedRecipient as_shown{mailbox, recipient.state, cut(recipient.destination),
                                   recipient.attempts, now.on_wall(recipient.due)};
  if (const auto answer = recipient.answer.get()) {
    as_shown.remote = cut(answer->remote);
    as_shown.last_answer = cut(answer->reply.one_line());
  }
  if (recipient.state != RecipientState::waiting) return as_shown;
  if (const auto pause = queue.pause_of(recipient.destination, now)) {
    as_shown.next_attempt = now.on_wall(std::max(recipient.due, pause->until));
    as_shown.remote.clear();
    as_shown.last_answer = cut("the destination pauses: " + pause->reason);
  }
  return as_shown;
}

// In what order they were made; what an operator did meanwhile repeats the answer before, and is none.
std::vector<frames::QueuedAttempt> attempts_in(const std::vector<Update>& history,
                                               const Message& message) {
  std::vector<frames::QueuedAttempt> attempts;
  using Told = std::pair<std::chrono::microseconds, mail::Reply>;  // as exact as what is on disk
  std::map<std::uint32_t, Told> last;
  const auto tell = [&](std::uint32_t i, RecipientState state, std::uint32_t number,
                        const Answer& answer) {
    if (i >= message.recipients.size() || !answer.is_given()) return;
    Told told{std::chrono::duration_cast<std::chrono::microseconds>(answer.time.time_since_epoch()),
              answer.reply};
    if (last.contains(i) && last[i] == told) return;
    last[i] = std::move(told);
    attempts.push_back(
        {i, state, number, answer.time, cut(answer.remote), cut(answer.reply.one_line())});
  };
  for (const Update& update : history) {
    for (const Change& change : update.changes) {
      tell(change.recipient, change.state, change.attempts, change.answer);
    }
  }
  for (std::uint32_t i = 0; i < message.recipients.size(); ++i) {
    const Recipient& recipient = message.recipients[i];
    tell(i, recipient.state, recipient.attempts, recipient.answer.value_or({}));
  }
  return attempts;
}

}  // namespace

std::vector<frames::QueuedMessage> described(Queue& queue, mail::MessageId id,
                                             const StoredMessage* stored,
                                             const std::vector<std::uint32_t>& which,
                                             const Moment& now) {
  const Message& message = *queue.ledger().find(id);
  mail::Envelope envelope = stored ? stored->head.envelope : unread_envelope(message);
  const WallTime arrival = stored ? stored->head.arrival : now.on_wall(message.arrival);
  const std::vector<mail::Recipient> all = std::exchange(envelope.recipients, {});
  std::vector<frames::QueuedMessage> parts;
  auto next = which.begin();
  for (std::size_t begin = 0; begin < all.size(); begin += max_frame_recipients) {
    const std::size_t end = std::min(begin + max_frame_recipients, all.size());
    frames::QueuedMessage& part =
        parts.emplace_back(frames::QueuedMessage{id, envelope, arrival, message.size, {}, {}, {}});
    part.envelope.recipients.assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                    all.begin() + static_cast<std::ptrdiff_t>(end));
    for (; next != which.end() && *next < end; ++next) {
      part.recipients.push_back(
          shown(queue, all[*next].mailbox, message.recipients.at(*next), now));
    }
  }
  return parts;
}

std::vector<frames::QueuedMessage> described_whole(Queue& queue, mail::MessageId id,
                                                   const StoredMessage& stored,
                                                   const std::vector<Update>& history,
                                                   const Moment& now) {
  const Message& message = *queue.ledger().find(id);
  std::vector<std::uint32_t> all(message.recipients.size());
  std::iota(all.begin(), all.end(), 0U);
  std::vector<frames::QueuedMessage> parts = described(queue, id, &stored, all, now);
  const std::string front = front_of(stored, frames::max_chunk);
  parts.front().header = std::string(mail::header_section_of(front));

  const std::vector<frames::QueuedAttempt> attempts = attempts_in(history, message);
  for (std::size_t begin = 0; begin < attempts.size(); begin += max_frame_attempts) {
    const std::size_t end = std::min(begin + max_frame_attempts, attempts.size());
    frames::QueuedMessage part = parts.back();
    part.envelope.recipients.clear();
    part.recipients.clear();
    part.header.clear();
    part.attempts.assign(attempts.begin() + static_cast<std::ptrdiff_t>(begin),
                         attempts.begin() + static_cast<std::ptrdiff_t>(end));
    parts.push_back(std::move(part));
  }
  return parts;
}

std::vector<frames::QueuedMessage> described_deed(mail::MessageId id, const Message& message,
                                                  const Deed& deed) {
  mail::Envelope envelope = unread_envelope(message);
  envelope.recipients.clear();
  std::vector<frames::QueuedMessage> parts;
  const auto add = [&](std::uint32_t i, RecipientState state) {
    if (parts.empty() || parts.back().recipients.size() == max_frame_recipients)
      parts.push_back({id, envelope, {}, message.size, {}, {}, {}});
    parts.back().recipients.push_back({unread_mailbox(message.recipients.at(i).domain), state});
  };
  for (const auto i : deed.done) add(i, deed.state);
  for (const auto i : deed.lent) add(i, RecipientState::leased);
  return parts;
}

}  // namespace postern::queue
