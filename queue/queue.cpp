#include "queue/queue.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace postern::queue {
namespace {

Queue::Times times_of(const frames::QueueSettings& settings) {
  const auto first_busy = std::min(first_busy_retry, settings.first_retry);
  return {Backoff(settings.first_retry, settings.max_retry),
          Backoff(first_busy, settings.max_retry), settings.warn_after, settings.expire};
}

using Destinations = Queue::Destinations;

Destinations each_once(Destinations names) {
  if (names.size() < 2) return names;
  std::ranges::sort(names, {}, &Name::get);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

Destinations destinations_of(const Message& message) {
  Destinations names;
  for (const Recipient& recipient : message.recipients) names.push_back(recipient.destination);
  return each_once(std::move(names));
}

Destinations destinations_of(const Message& message, const std::vector<Change>& changes) {
  Destinations names;
  for (const Change& change : changes) {
    names.push_back(message.recipients.at(change.recipient).destination);
  }
  return each_once(std::move(names));
}

bool is_waiting(const Recipient& recipient) { return recipient.state == RecipientState::waiting; }

// Neither over nor held.
bool is_going_out(const Recipient& recipient) {
  return is_waiting(recipient) ||
         (recipient.state == RecipientState::leased && !recipient.is_to_be_held);
}

std::optional<SteadyTime> first_due(const Message& message, const Name& destination) {
  std::optional<SteadyTime> due;
  for (const Recipient& recipient : message.recipients) {
    if (!is_waiting(recipient) || recipient.destination != destination) continue;
    due = std::min(due.value_or(recipient.due), recipient.due);
  }
  return due;
}

}  // namespace

Queue::Queue(Store& store, const frames::QueueSettings& settings, const Moment& now,
             std::uint32_t seed)
    : store_(store),
      random_(seed),
      times_(times_of(settings)),
      router_(settings.routes),
      ledger_(now, times_.retry.longest()),
      ages_(now),
      schedule_(seed) {
  schedule_.configure(settings.connections, settings.max_retry);
  store_.limit({settings.max_size, settings.reserve});
  store_.ask_state_of([this](mail::MessageId id) { return ledger_.state_of(id); });
}

void Queue::start(const Moment& now) {
  SteadyTime latest = SteadyTime::min();
  for (auto entry = ledger_.messages().begin(); entry != ledger_.messages().end();) {
    auto& [id, message] = *entry;
    if (message.is_over()) {
      store_.release(id);
      entry = ledger_.messages().erase(entry);
      continue;
    }
    const SteadyTime arrival = ages_.of_old(message.arrival, times_.expire);
    const bool is_id_ahead = id.made_at() > now.wall + Ages::slack;
    if (is_id_ahead || arrival + Ages::slack < latest) ages_.ids_are_not_in_order();
    latest = message.arrival = arrival;
    route(message);
    plan(id, message, destinations_of(message), now);
    ++entry;
  }
  doubt_what_failed();
}

// Where something that waits has failed before, the destination may still be dead; what waits behind it was never tried.
void Queue::doubt_what_failed() {
  std::unordered_set<const std::string*> tried;  // Names that are equal share one string
  for (const auto& [id, message] : ledger_.messages()) {
    for (const Recipient& recipient : message.recipients) {
      if (is_waiting(recipient) && recipient.attempts > 0) {
        tried.insert(&recipient.destination.get());
      }
    }
  }
  for (const std::string* destination : tried) schedule_.doubt(*destination);
}

void Queue::configure(const frames::QueueSettings& settings, const Moment& now) {
  times_ = times_of(settings);
  router_ = Router(settings.routes);
  store_.limit({settings.max_size, settings.reserve});
  schedule_.configure(settings.connections, settings.max_retry);
  ledger_.retry_within(settings.max_retry);
  for (auto& [id, message] : ledger_.messages()) {
    const Destinations before = destinations_of(message);
    if (!route(message)) continue;
    for (const Name& old : before) schedule_.remove(old, id);
    plan(id, message, destinations_of(message), now);
  }
  schedule_.wake_all(now.steady);
}

bool Queue::route(Message& message) {
  bool has_changed = false;
  const Router::Sender sender{message.sender_domain.get(), message.login.get()};
  for (Recipient& recipient : message.recipients) {
    const std::string& domain = recipient.domain.get();
    const std::string_view name = router_.destination(sender, domain);
    if (recipient.destination == name) continue;
    recipient.destination = name == domain ? recipient.domain : Name(std::string(name));
    has_changed = true;
  }
  return has_changed;
}

// Puts the message into the line of each destination, or takes it out, according to its recipients there.
void Queue::plan(mail::MessageId id, const Message& message, const Destinations& destinations,
                 const Moment& now) {
  for (const Name& destination : destinations) {
    const std::optional<SteadyTime> due = first_due(message, destination);
    if (due && !message.is_damaged) {
      schedule_.put(destination, id, *due, now.steady);
    } else {
      schedule_.remove(destination, id);
    }
  }
}

void Queue::add(mail::MessageId id, const MessageHead& head, const Moment& now) {
  ledger_.at(now);
  ledger_.on_message(id, head);
  Message& message = *ledger_.find(id);
  route(message);
  plan(id, message, destinations_of(message), now);
  if (head.reports) apply(*head.reports, now);
}

std::optional<Loan> Queue::lend(const Moment& now, Schedule::Whose whose) {
  while (std::optional<Schedule::Turn> turn = schedule_.next(now.steady, whose)) {
    Loan loan{std::move(*turn), {}};
    if (Message* message = ledger_.find(loan.id)) {
      const Name name(loan.destination);
      for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
        Recipient& recipient = message->recipients[i];
        if (!is_waiting(recipient) || recipient.destination != name) continue;
        if (recipient.due > now.steady + due_together) continue;
        if (loan.recipients.size() == max_lease_recipients) break;
        recipient.state = RecipientState::leased;
        loan.recipients.push_back(i);
      }
      plan(loan.id, *message, {name}, now);
    }
    if (!loan.recipients.empty()) return loan;
    end_turn(loan, Schedule::Ending::nothing, now);
  }
  return std::nullopt;
}

Schedule::Effect Queue::end_turn(const Loan& loan, Schedule::Ending ending, const Moment& now,
                                 const std::string& reason) {
  return schedule_.ended(loan, ending, now.steady, reason);
}

void Queue::withhold(mail::MessageId id, const std::vector<Change>& changes, const Moment& now) {
  Message* message = ledger_.find(id);
  if (message == nullptr) return;
  for (const Change& change : changes) {
    Recipient& recipient = message->recipients.at(change.recipient);
    recipient.is_to_be_held = recipient.state == RecipientState::held;
    recipient.state = RecipientState::leased;
  }
  plan(id, *message, destinations_of(*message, changes), now);
}

void Queue::give_back(mail::MessageId id, const std::vector<std::uint32_t>& recipients,
                      std::optional<SteadyTime> due, const Moment& now) {
  Message* message = ledger_.find(id);
  if (message == nullptr) return;
  Destinations destinations;
  for (const auto index : recipients) {
    Recipient& recipient = message->recipients.at(index);
    if (recipient.state != RecipientState::leased) continue;
    recipient.state = recipient.is_to_be_held ? RecipientState::held : RecipientState::waiting;
    recipient.is_to_be_held = false;
    if (due) recipient.due = *due;
    destinations.push_back(recipient.destination);
  }
  plan(id, *message, each_once(std::move(destinations)), now);
}

void Queue::hold_lent(mail::MessageId id, const std::vector<std::uint32_t>& recipients,
                      bool is_held, const Moment& now) {
  Message* message = ledger_.find(id);
  if (message == nullptr) return;
  const auto state = is_held ? RecipientState::held : RecipientState::waiting;
  Update update{id, {}, false};
  for (const auto index : recipients) {
    Recipient& recipient = message->recipients.at(index);
    if (recipient.state == RecipientState::leased) {
      recipient.is_to_be_held = is_held;
    } else if (!recipient.is_final() && recipient.state != state) {
      update.changes.push_back({index, state, recipient.attempts, now.on_wall(recipient.due),
                                recipient.answer.value_or({})});
    }
  }
  if (!update.changes.empty()) settle(std::move(update), now);
}

void Queue::settle(Update update, const Moment& now, Store::Done done) {
  if (const Message* message = ledger_.find(update.id)) {
    for (Change& change : update.changes) {
      const bool is_to_be_held = message->recipients.at(change.recipient).is_to_be_held;
      if (is_to_be_held && change.state == RecipientState::waiting)
        change.state = RecipientState::held;
    }
  }
  store_.record(update, std::move(done));
  apply(update, now);
}

void Queue::apply(const Update& update, const Moment& now) {
  Message* message = ledger_.find(update.id);
  if (message == nullptr) return;
  ledger_.at(now);
  ledger_.on_update(update);
  plan(update.id, *message, destinations_of(*message, update.changes), now);
  if (!message->is_over()) return;
  ledger_.erase(update.id);
  store_.release(update.id);
}

Change Queue::change_of(mail::MessageId id, std::uint32_t index, RecipientState state,
                        Answer answer, const Moment& now) {
  const Message* message = ledger_.find(id);
  const std::uint32_t attempts = message ? message->recipients.at(index).attempts : 0;
  return {index, state, attempts, now.wall, std::move(answer)};
}

SteadyTime Queue::next_attempt(std::uint32_t attempts, const Moment& now) {
  return now.steady + times_.retry.after(attempts, random_);
}

SteadyTime Queue::next_try(std::uint32_t attempts, const Moment& now) {
  return now.steady + times_.busy.after(attempts, random_);
}

void Queue::set_aside(mail::MessageId id, const Moment& now) {
  Message* message = ledger_.find(id);
  if (message == nullptr) return;
  message->is_damaged = true;
  const LastAnswer answer(
      Answer{{451, {4, 3, 0}, "the stored message is damaged; it is kept, and not delivered"},
             {},
             now.wall});
  for (Recipient& recipient : message->recipients) {
    if (!recipient.is_final()) recipient.answer = answer;
  }
  plan(id, *message, destinations_of(*message), now);
}

void Queue::make_due(mail::MessageId id, const std::vector<std::uint32_t>& recipients,
                     const Moment& now) {
  Message* message = ledger_.find(id);
  if (message == nullptr) return;
  Destinations destinations;
  for (const auto index : recipients) {
    Recipient& recipient = message->recipients.at(index);
    if (!is_waiting(recipient)) continue;
    recipient.due = now.steady;
    destinations.push_back(recipient.destination);
  }
  plan(id, *message, each_once(std::move(destinations)), now);
}

void Queue::mind_the_clock(const Moment& now) {
  const auto ahead = ages_.put_back(now);
  if (!ahead) return;
  for (auto& [id, message] : ledger_.messages()) {
    message.arrival = ages_.corrected(message.arrival, *ahead);
  }
}

Queue::Overdue Queue::overdue(const Moment& now, std::size_t limit) {
  mind_the_clock(now);
  Overdue found;
  auto& messages = ledger_.messages();
  const SteadyTime grown_late = now.steady - std::min(times_.warn_after, times_.expire);
  const std::size_t most = std::min(messages.size(), max_looked_at);
  auto entry = messages.upper_bound(looked_at_);
  for (std::size_t looked = 0; looked < most; ++looked, ++entry) {
    if (found.expired.size() == limit || found.late.size() == limit) break;
    // Mostly ids grow with time: behind one that is young there are none to look for.
    const bool is_rest_young =
        entry == messages.end() || (entry->second.arrival > grown_late && ages_.are_ids_in_order());
    if (is_rest_young) entry = messages.begin();
    const auto& [id, message] = *entry;
    if (message.arrival > grown_late && ages_.are_ids_in_order()) break;
    looked_at_ = id;
    if (message.is_damaged || message.arrival > grown_late) continue;
    const auto& all = message.recipients;
    if (message.arrival + times_.expire <= now.steady) {
      if (std::ranges::any_of(all, &Recipient::may_expire)) found.expired.push_back(id);
    } else if (!message.is_warned && std::ranges::any_of(all, is_going_out)) {
      found.late.push_back(id);
    }
  }
  return found;
}

}  // namespace postern::queue
