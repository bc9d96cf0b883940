#include "queue/dispatch.h"

#include <algorithm>
#include <utility>

#include "mail/date.h"
#include "net/log.h"

namespace postern::queue {
namespace {

using frames::Hindrance;

// Where nobody was spoken to, nothing was served: DNS gave a final answer, or a connection broke.
Schedule::Ending ending_of(const frames::Report& report) {
  switch (report.hindrance) {
    case Hindrance::unreachable:
      return report.outcomes.empty() ? Schedule::Ending::unreachable : Schedule::Ending::overloaded;
    case Hindrance::route:
      return Schedule::Ending::route_refused;
    case Hindrance::none:
      return report.remote.empty() ? Schedule::Ending::nothing : Schedule::Ending::served;
    default:
      return Schedule::Ending::nothing;
  }
}

double seconds_between(WallTime from, WallTime to) {
  return std::chrono::duration<double>(to - from).count();
}

// Recipients that need SMTPUTF8 (RFC 6531) are not lent together with others: a next hop without it would refuse all
// of them. Which ones those others are.
std::vector<std::uint32_t> take_other_kind(const mail::Envelope& envelope, Loan& loan) {
  std::vector<std::uint32_t> others;
  const auto is_utf8 = [&](std::uint32_t index) {
    return envelope.recipients.at(index).mailbox.needs_utf8();
  };
  if (!envelope.needs_utf8) return others;
  const bool first_is_utf8 = is_utf8(loan.recipients.front());
  std::erase_if(loan.recipients, [&](std::uint32_t index) {
    if (is_utf8(index) == first_is_utf8) return false;
    others.push_back(index);
    return true;
  });
  return others;
}

std::int64_t whole_seconds(net::Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

}  // namespace

// A report, by what follows from it.
struct Dispatch::Sorted {
  std::vector<bool> is_heard_of;  // for each recipient of the lease
  std::vector<Change> news;
  std::vector<Change> successes;  // of which the sender is to be told by us
  std::vector<Change> failures;
  std::vector<std::uint32_t> returned;  // nothing happened to them
};

void Dispatch::connect(Send send, const Moment& now) {
  send_ = std::move(send);
  for (const auto& [number, lent] : std::exchange(lent_, {})) {
    queue_.end_turn(lent.loan, Schedule::Ending::nothing, now);
    queue_.give_back(lent.loan.id, lent.loan.recipients, now.steady, now);
  }
  lent_content_ = 0;
}

std::optional<SteadyTime> Dispatch::pump(const Moment& now) {
  while (send_ && lent_content_ < max_lent_content) {
    // Else outcomes would pile up in memory.
    if (store_.is_behind()) return now.steady + look_at_store_again;
    const bool is_open_to_all = lent_content_ < max_unproven_content;
    std::optional<Loan> loan =
        queue_.lend(now, is_open_to_all ? Schedule::Whose::any : Schedule::Whose::proven);
    if (!loan) return queue_.wake_at();
    lend(std::move(*loan), now);
  }
  return std::nullopt;
}

void Dispatch::lend(Loan loan, const Moment& now) {
  net::Result<StoredMessage> stored = store_.read(loan.id);
  if (!stored) return on_unreadable(loan, stored.error(), now);
  MessageHead& head = stored->head;
  const mail::ReversePath& from = head.envelope.reverse_path;
  const std::string& domain = head.envelope.recipients.at(loan.recipients.front()).mailbox.domain();
  queue_.give_back(loan.id, take_other_kind(head.envelope, loan), now.steady, now);

  frames::Lease lease;
  lease.lease = ++last_lease_;
  lease.id = loan.id;
  lease.reverse_path = from;
  lease.body = head.envelope.body;
  lease.needs_utf8 = head.envelope.needs_utf8;
  lease.dsn = head.envelope.dsn;
  lease.via = queue_.router().via(
      {from ? std::string_view(from->domain()) : std::string_view(), head.envelope.origin.login},
      domain);
  if (lease.via.empty()) lease.domain = domain;
  lease.size = head.size;
  lease.crc = head.crc;
  for (const auto index : loan.recipients) {
    lease.recipients.push_back(head.envelope.recipients.at(index));
  }
  if (auto* content = std::get_if<std::string>(&stored->content)) {
    lease.content = std::move(*content);
  } else {
    lease.file = std::move(std::get<ContentFile>(stored->content).file);
  }
  lent_content_ += lease.content.size();
  lent_.emplace(lease.lease,
                Lent{std::move(loan), lease.recipients, lease.content.size(), head.arrival});
  send_(std::move(lease));
}

// Damaged: never delivered. Any other fault of the disk may pass.
void Dispatch::on_unreadable(const Loan& loan, const net::error_code& error, const Moment& now) {
  net::log(net::Level::error, "unreadable", {{"id", loan.id}, {"error", error.message()}});
  queue_.end_turn(loan, Schedule::Ending::nothing, now);
  queue_.give_back(loan.id, loan.recipients, queue_.next_attempt(1, now), now);
  if (error == boost::system::errc::bad_message) queue_.set_aside(loan.id, now);
}

void Dispatch::on_report(const frames::Report& report, const Moment& now) {
  auto node = lent_.extract(report.lease);
  if (!node) return;  // lent to a delivery before this one
  const Lent lent = std::move(node.mapped());
  const Loan& loan = lent.loan;
  lent_content_ -= lent.content;

  Sorted sorted{std::vector<bool>(loan.recipients.size()), {}, {}, {}, {}};
  for (const frames::RecipientOutcome& outcome : report.outcomes) {
    if (outcome.index >= loan.recipients.size() || sorted.is_heard_of[outcome.index]) continue;
    sorted.is_heard_of[outcome.index] = true;
    on_outcome(lent, report, outcome, sorted, now);
  }
  if (report.hindrance == Hindrance::aborted) send_ = nullptr;
  const Schedule::Effect effect =
      queue_.end_turn(loan, ending_of(report), now, report.hindrance_text);
  log_effect(loan, report, effect);
  on_hindered(lent, report, effect, sorted, now);

  if (!sorted.news.empty()) queue_.settle({loan.id, std::move(sorted.news), false}, now);
  queue_.give_back(loan.id, sorted.returned, now.steady, now);
  if (report.hindrance == Hindrance::damaged) queue_.set_aside(loan.id, now);
  if (!sorted.successes.empty()) reporter_.passed_on(loan.id, std::move(sorted.successes), now);
  if (!sorted.failures.empty()) reporter_.bounce(loan.id, std::move(sorted.failures), now);
}

void Dispatch::on_outcome(const Lent& lent, const frames::Report& report,
                          const frames::RecipientOutcome& outcome, Sorted& sorted,
                          const Moment& now) {
  const auto& [to, notify, original] = lent.recipients[outcome.index];
  Answer answer{mail::reply_of(outcome.outcome), report.remote, now.wall};
  const std::string words = answer.reply.one_line();
  Change change = queue_.change_of(lent.loan.id, lent.loan.recipients[outcome.index],
                                   RecipientState::waiting, std::move(answer), now);
  ++change.attempts;
  if (std::holds_alternative<mail::Delivered>(outcome.outcome)) {
    change.state = RecipientState::delivered;
    net::log("delivered", {{"id", lent.loan.id},
                           {"to", to},
                           {"remote", report.remote},
                           {"tls", report.tls},
                           {"reply", words},
                           {"delay", seconds_between(lent.arrival, now.wall)}});
    // A hop with DSN tells of it itself, or passes that on once more (RFC 3461, 5.2.1 and 5.2.2).
    const bool is_told_by_us = notify.success && !outcome.is_dsn_passed_on;
    (is_told_by_us ? sorted.successes : sorted.news).push_back(std::move(change));
  } else if (std::holds_alternative<mail::Failed>(outcome.outcome)) {
    change.state = RecipientState::bounced;
    sorted.failures.push_back(std::move(change));
  } else {
    const SteadyTime next = queue_.next_attempt(change.attempts, now);
    change.next_attempt = now.on_wall(next);
    net::log("deferred", {{"id", lent.loan.id},
                          {"to", to},
                          {"remote", report.remote},
                          {"tls", report.tls},
                          {"reply", words},
                          {"attempts", change.attempts},
                          {"next", mail::date_text(change.next_attempt)}});
    sorted.news.push_back(std::move(change));
  }
}

void Dispatch::log_effect(const Loan& loan, const frames::Report& report,
                          const Schedule::Effect& effect) {
  const std::string& destination = loan.destination;
  const std::string& reason = report.hindrance_text;
  if (report.hindrance == Hindrance::damaged) {
    net::log(net::Level::error, "damaged", {{"id", loan.id}, {"reason", reason}});
  } else if (effect.is_slowed) {
    net::log("destination-slowed",
             {{"destination", destination}, {"reason", reason}, {"connections", effect.window}});
  } else if (effect.is_paused && report.hindrance == Hindrance::route) {
    net::log(net::Level::error, "route-paused",
             {{"destination", destination},
              {"reason", reason},
              {"seconds", whole_seconds(effect.pause)}});
  } else if (effect.is_paused) {
    net::log("destination-paused", {{"destination", destination},
                                    {"reason", reason},
                                    {"seconds", whole_seconds(effect.pause)}});
  }
}

void Dispatch::on_hindered(const Lent& lent, const frames::Report& report,
                           const Schedule::Effect& effect, Sorted& sorted, const Moment& now) {
  const Loan& loan = lent.loan;
  const bool is_route = report.hindrance == Hindrance::route;
  const bool is_returned =
      report.hindrance == Hindrance::damaged || report.hindrance == Hindrance::aborted;
  for (std::size_t i = 0; i < loan.recipients.size(); ++i) {
    if (sorted.is_heard_of[i]) continue;
    if (is_returned) {
      sorted.returned.push_back(loan.recipients[i]);
      continue;
    }
    Answer answer{{451, report.hindrance_status, report.hindrance_text}, report.remote, now.wall};
    Change change = queue_.change_of(loan.id, loan.recipients[i], RecipientState::waiting,
                                     std::move(answer), now);
    if (!is_route) ++change.attempts;
    change.next_attempt = now.on_wall(next_attempt(report, effect, change.attempts, now));
    net::log("deferred", {{"id", loan.id},
                          {"to", lent.recipients[i].mailbox},
                          {"remote", report.remote},
                          {"reply", change.answer.reply.one_line()},
                          {"attempts", change.attempts},
                          {"next", mail::date_text(change.next_attempt)}});
    sorted.news.push_back(std::move(change));
  }
}

// What was in the way of the whole lease was in the way of its destination: the message waits for that, not on its own
// account. Where the destination goes on, it only came at a bad moment.
SteadyTime Dispatch::next_attempt(const frames::Report& report, const Schedule::Effect& effect,
                                  std::uint32_t attempts, const Moment& now) {
  if (effect.pause > net::Clock::duration::zero()) return now.steady + effect.pause;
  if (report.hindrance == Hindrance::unreachable) return queue_.next_try(attempts, now);
  return queue_.next_attempt(std::max(attempts, 1U), now);
}

}  // namespace postern::queue
