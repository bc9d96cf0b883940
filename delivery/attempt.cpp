#include "delivery/attempt.h"

#include <algorithm>

#include "net/channel.h"
#include "net/log.h"

namespace postern::delivery {
namespace {

using Kind = Trouble::Kind;

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::unreachable:
      return "unreachable";
    case Kind::no_tls:
      return "tls-failed";
    case Kind::route:
      return "route-refused";
    case Kind::broken:
      return "session-broken";
    case Kind::unsuited:
      return "message-unsuited";
    case Kind::loop:
      return "mail-loop";
    default:
      return "content-damaged";
  }
}

// What the recipients' replies may take up together in a Report, in octets, and about what each needs beside its text.
constexpr std::size_t report_room = net::max_frame - 64 * 1024;
constexpr std::size_t outcome_overhead = 32;

// What a message needs as a whole, perhaps for a recipient elsewhere, need not be needed here (statement 74).
bool needs_utf8(const frames::Lease& lease, const Content& content) {
  if (!lease.needs_utf8) return false;
  const auto is_international = [](const mail::Recipient& to) { return to.mailbox.needs_utf8(); };
  return (lease.reverse_path && lease.reverse_path->needs_utf8()) ||
         std::ranges::any_of(lease.recipients, is_international) || has_utf8_header(content);
}

}  // namespace

Attempt::Attempt(const Setup& setup, Resources resources, frames::Lease lease)
    : setup_(setup),
      resources_(resources),
      lease_(std::move(lease)),
      is_decided_(lease_.recipients.size(), false) {
  report_.lease = lease_.lease;
}

net::Task<> Attempt::run() {
  inspection_ = co_await inspect(content_);
  if (!inspection_.is_intact) {
    stop(frames::Hindrance::damaged, "the content's checksum is wrong");
    co_return;
  }
  if (!inspection_.is_clean) {
    // What a receiver might take for the end of the content is never sent (SMTP smuggling, CVE-2023-51764).
    decide(mail::Failed{{550, {5, 6, 0}, "the content has a bare CR, a bare LF or a NUL"}});
    co_return;
  }
  lease_.needs_utf8 = needs_utf8(lease_, content_);
  if (lease_.via.empty()) {
    co_await try_mx();
  } else {
    co_await try_relayhosts();
  }
  co_await still_wanted();
  conclude();
}

// Awaiting anything throws where the coroutine was cancelled: so what was cut off by that is never taken for the hop's doing.
net::Task<> Attempt::still_wanted() { co_return; }

net::Task<> Attempt::try_mx() {
  if (lease_.domain.starts_with('[')) {
    decide(mail::Failed{{550, {5, 1, 2}, "no mail is sent to address literals"}});
    co_return;
  }
  NextHops next = co_await find_mx(*setup_.resolver, lease_.domain, setup_.mx, resources_.random);
  if (auto* failure = std::get_if<mail::Failed>(&next)) {
    decide(*failure);
  } else if (auto* unresolved = std::get_if<Unresolved>(&next)) {
    note({Kind::unreachable, {451, {4, 4, 3}, unresolved->reason}, unresolved->reason});
  } else {
    co_await try_hops(std::get<std::vector<Hop>>(std::move(next)));
  }
}

net::Task<> Attempt::try_relayhosts() {
  for (unsigned rank = 0; rank < lease_.via.size() && !is_settled(); ++rank) {
    NextHops next =
        co_await find_relayhost(*setup_.resolver, lease_.via[rank], rank, resources_.random);
    if (auto* unresolved = std::get_if<Unresolved>(&next)) {
      note({Kind::unreachable, {451, {4, 4, 3}, unresolved->reason}, unresolved->reason});
    } else if (auto* hops = std::get_if<std::vector<Hop>>(&next)) {
      co_await try_hops(std::move(*hops));
    }
  }
}

net::Task<> Attempt::try_hops(std::vector<Hop> hops) {
  // An idle connection may have died meanwhile. If so, that is no attempt: the same hop is tried with a fresh one.
  std::unique_ptr<Session> idle = resources_.pool.take(hops);
  if (idle) co_await use(std::move(idle), true);
  for (Hop& hop : hops) {
    if (is_settled()) break;
    co_await try_hop(std::move(hop));
  }
}

net::Task<> Attempt::try_hop(Hop hop) {
  OpenedSession opened = co_await Session::open(setup_.session, resources_.auth, hop, false);
  co_await still_wanted();
  auto* trouble = std::get_if<Trouble>(&opened);
  if (trouble && trouble->kind == Kind::no_tls) {
    // Opportunistic TLS (RFC 7435): what cannot be had is done without, on a new connection.
    net::log("tls-downgrade", {{"id", lease_.id}, {"hop", hop.text()}, {"why", trouble->words}});
    opened = co_await Session::open(setup_.session, resources_.auth, hop, true);
    co_await still_wanted();
    trouble = std::get_if<Trouble>(&opened);
  }
  report_.remote = hop.text();
  report_.tls.clear();
  if (trouble) {
    note(std::move(*trouble));
  } else {
    co_await use(std::get<std::unique_ptr<Session>>(std::move(opened)), false);
  }
}

// Transactions over one session, until all recipients are decided: more than one where the server takes only so many at once.
net::Task<> Attempt::use(std::unique_ptr<Session> session, bool is_reused) {
  report_.remote = session->hop().text();
  report_.tls = session->tls();
  for (std::vector<std::uint32_t> left = undecided(); !left.empty(); left = undecided()) {
    Transaction transaction =
        co_await transact(*session, Message{lease_, content_, inspection_}, left);
    std::optional<Trouble> trouble = std::move(transaction.trouble);
    is_answered_ |= transaction.is_answered;
    if (transaction.closing) {
      closing_ = session->dialogue().refused(Kind::unreachable, "the message",
                                             std::move(*transaction.closing));
    }
    const bool has_progress = keep(std::move(transaction), left, session->capabilities().dsn);
    co_await still_wanted();
    if (trouble) {
      const bool is_stale = is_reused && !session->is_in_step && trouble->kind != Kind::damaged;
      if (!is_stale) note(std::move(*trouble));
    }
    if (!session->is_in_step || !has_progress) break;
    is_reused = false;
  }
  if (session->is_in_step) resources_.pool.put(std::move(session));
}

// Takes over what a transaction has decided. False: nothing.
bool Attempt::keep(Transaction transaction, const std::vector<std::uint32_t>& recipients,
                   bool has_dsn) {
  bool has_progress = false;
  for (std::size_t i = 0; i < recipients.size() && i < transaction.outcomes.size(); ++i) {
    auto& outcome = transaction.outcomes[i];
    if (!outcome) continue;
    is_decided_[recipients[i]] = true;
    const bool is_dsn_passed_on = has_dsn && std::holds_alternative<mail::Delivered>(*outcome);
    report_.outcomes.push_back({recipients[i], std::move(*outcome), is_dsn_passed_on});
    has_progress = true;
  }
  return has_progress;
}

void Attempt::note(Trouble trouble) {
  net::log(net::Level::warning, name_of(trouble.kind), {{"id", lease_.id}, {"why", trouble.words}});
  if (trouble.kind == Kind::loop) {
    decide(mail::Failed{trouble.reply});
  } else if (trouble.kind == Kind::damaged) {
    stop(frames::Hindrance::damaged, trouble.words);
  }
  troubles_.push_back(std::move(trouble));
}

void Attempt::conclude() {
  if (is_settled()) {
    if (closing_) tell(frames::Hindrance::unreachable, *closing_);
    return;
  }
  // A hop that was not reached, or not trusted, might have taken what the others cannot.
  const bool is_hopeless = std::ranges::all_of(
      troubles_, [](const Trouble& trouble) { return trouble.kind == Kind::unsuited; });
  for (Kind kind : {Kind::unsuited, Kind::broken, Kind::route, Kind::unreachable, Kind::no_tls}) {
    auto worst = std::ranges::find(troubles_, kind, &Trouble::kind);
    if (worst == troubles_.end() || (kind == Kind::unsuited && !is_hopeless)) continue;
    if (kind == Kind::unsuited) return decide(mail::Failed{worst->reply});
    if (kind == Kind::broken) return decide(mail::Deferred{worst->reply});
    const bool is_route = kind == Kind::route;
    return tell(is_route ? frames::Hindrance::route : frames::Hindrance::unreachable, *worst);
  }
  give_up("no hop, and no reason");
}

// Whatever a hop called it, it is not for good: the message waits.
void Attempt::tell(frames::Hindrance hindrance, const Trouble& trouble) {
  if (!is_answered_) report_.remote = trouble.remote;
  is_answered_ |= !trouble.remote.empty();
  mail::EnhancedStatus status = trouble.reply.status;
  if (!status.is_given()) {
    // RFC 3463: other security status; the system accepts no messages; no answer from the host.
    const mail::EnhancedStatus of_destination =
        trouble.remote.empty() ? mail::EnhancedStatus{4, 4, 1} : mail::EnhancedStatus{4, 3, 2};
    status = hindrance == frames::Hindrance::route ? mail::EnhancedStatus{4, 7, 0} : of_destination;
  }
  status.klass = 4;
  report_.hindrance = hindrance;
  report_.hindrance_text = trouble.words;
  report_.hindrance_status = status;
}

void Attempt::stop(frames::Hindrance hindrance, std::string text) {
  if (is_settled()) return;
  report_.hindrance = hindrance;
  report_.hindrance_text = std::move(text);
}

void Attempt::give_up(const std::string& what) {
  net::log_bug(what);
  decide(mail::Deferred{{451, {4, 3, 0}, "internal error"}});
}

frames::Report Attempt::take_report() {
  if (!is_answered_) report_.remote.clear();
  const std::size_t room = report_room / std::max<std::size_t>(1, report_.outcomes.size());
  const std::size_t longest = room > outcome_overhead ? room - outcome_overhead : 0;
  for (auto& [index, outcome, is_dsn_passed_on] : report_.outcomes) {
    std::visit([&](auto& any) { any.reply.text.resize(std::min(any.reply.text.size(), longest)); },
               outcome);
  }
  return std::move(report_);
}

void Attempt::decide(const mail::Outcome& outcome) {
  for (std::uint32_t index : undecided()) {
    is_decided_[index] = true;
    report_.outcomes.push_back({index, outcome});
  }
}

std::vector<std::uint32_t> Attempt::undecided() const {
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < is_decided_.size(); ++i) {
    if (!is_decided_[i]) indices.push_back(i);
  }
  return indices;
}

bool Attempt::is_settled() const {
  return report_.hindrance != frames::Hindrance::none ||
         std::ranges::count(is_decided_, false) == 0;
}

}  // namespace postern::delivery
