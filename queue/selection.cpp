#include "queue/selection.h"

#include <algorithm>
#include <functional>

namespace postern::queue {

mail::Parsed<Selection> Selection::of(const frames::QueueFilter& filter) {
  Selection selection;
  if (!filter.sender.empty()) {
    mail::ReversePath sender;
    if (filter.sender != "<>") {
      const auto mailbox = mail::Mailbox::parse(filter.sender);
      if (!mailbox) return mail::SyntaxError{"the sender is no address"};
      sender = *mailbox;
    }
    selection.sender_ = std::move(sender);
  }
  if (!filter.recipient.empty()) {
    const auto mailbox = mail::Mailbox::parse(filter.recipient);
    if (!mailbox) return mail::SyntaxError{"the recipient is no address"};
    selection.recipient_ = *mailbox;
  }
  selection.domain_ = filter.domain;
  selection.login_ = filter.login;
  selection.state_ = filter.state;
  selection.min_age_ = filter.min_age;
  selection.max_age_ = filter.max_age;
  return selection;
}

// Its age as the operator sees it: the ledger's is that of a message that must not expire too soon.
bool Selection::may_mean(const Message& message, const Moment& now) const {
  const auto age = now.wall - message.accepted;
  if (age < min_age_ || (max_age_ && age > *max_age_)) return false;
  if (!login_.empty() && message.login.get() != login_) return false;
  if (sender_) {
    const std::string domain = *sender_ ? (*sender_)->domain() : std::string();
    if (message.sender_domain.get() != domain) return false;
  }
  return std::ranges::any_of(message.recipients,
                             [this](const Recipient& recipient) { return may_mean(recipient); });
}

bool Selection::may_mean(const Recipient& recipient) const {
  if (!domain_.empty() && recipient.domain.get() != domain_) return false;
  if (recipient_ && recipient.domain.get() != recipient_->domain()) return false;
  return !state_ || recipient.state == *state_;
}

std::vector<std::uint32_t> Selection::recipients(const Message& message,
                                                 const mail::Envelope* envelope) const {
  std::vector<std::uint32_t> meant;
  if (needs_envelope() && envelope == nullptr) return meant;
  if (sender_ && envelope->reverse_path != *sender_) return meant;
  for (std::uint32_t i = 0; i < message.recipients.size(); ++i) {
    if (!may_mean(message.recipients[i])) continue;
    const bool is_named = !recipient_ || (i < envelope->recipients.size() &&
                                          envelope->recipients[i].mailbox == *recipient_);
    if (is_named) meant.push_back(i);
  }
  return meant;
}

Walk::Walk(Ledger& ledger, std::vector<mail::MessageId> named)
    : ledger_(ledger), named_(std::move(named)), is_over_all_(named_.empty()) {
  std::ranges::sort(named_, std::greater<>());
  named_.erase(std::unique(named_.begin(), named_.end()), named_.end());
  if (!ledger_.messages().empty()) last_ = ledger_.messages().rbegin()->first;
}

std::optional<mail::MessageId> Walk::next() {
  if (!is_over_all_) {
    if (named_.empty()) return std::nullopt;
    at_ = named_.back();
    named_.pop_back();
    return at_;
  }
  const auto entry = ledger_.messages().upper_bound(at_);
  if (entry == ledger_.messages().end() || entry->first > last_) return std::nullopt;
  return at_ = entry->first;
}

}  // namespace postern::queue
