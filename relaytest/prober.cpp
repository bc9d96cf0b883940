#include "relaytest/prober.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <stdexcept>
#include <utility>

#include "relaytest/catalogue.h"
#include "relaytest/script.h"
#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

namespace asio = net::asio;

/// Tells the schedule that something has ended, however it ended.
class Ending {
 public:
  Ending(Visit& visit, net::Timer*& alarm) : visit_(visit), alarm_(alarm) {}
  Ending(const Ending&) = delete;
  Ending& operator=(const Ending&) = delete;
  ~Ending() {
    visit_.end();
    if (alarm_) alarm_->cancel();
  }

 private:
  Visit& visit_;
  net::Timer*& alarm_;
};

net::Clock::duration interval_of(double rate) {
  if (rate <= 0) return net::Clock::duration::zero();
  return std::chrono::duration_cast<net::Clock::duration>(std::chrono::duration<double>(1 / rate));
}

/// A probe that was not tried yet. A question has no message, and so no token.
ProbeResult planned(const Run& run, std::size_t door, const Trick& trick) {
  const Paths paths = paths_of(run, run.doors[door], trick);
  ProbeResult probe;
  probe.trick = trick.name;
  probe.kind = trick.kind;
  probe.has_local_carrier = trick.kind == Kind::smuggling && !run.carrier.empty();
  probe.from = paths.from;
  probe.to = paths.to;
  const std::string name = fmt::format("{}-{}", door, trick.name);
  if (trick.kind != Kind::question) probe.token = token_of(run.id, run.secret, name);
  if (trick.kind == Kind::smuggling) {
    probe.carrier_token = token_of(run.id, run.secret, name + "-carrier");
  }
  return probe;
}

}  // namespace

Prober::Prober(Run& run, const Pace& pace, std::function<void()> on_change)
    : run_(run), pace_(pace), on_change_(std::move(on_change)) {
  const Visit::Rules rules{pace_.at_a_time, pace_.retry_after, pace_.retries};
  for (Door& door : run_.doors) {
    visits_.emplace_back(door, rules, net::Clock::now(), system_clock::now());
  }
}

std::size_t Prober::tried() const {
  return count_probes(run_, [](const ProbeResult& probe) { return was_tried(probe); });
}

std::size_t Prober::all() const {
  return count_probes(run_, [](const ProbeResult&) { return true; });
}

net::Task<> Prober::probe_all() {
  net::Executor executor = co_await asio::this_coro::executor;
  net::Timer alarm(executor);
  net::Nursery probing(executor);
  alarm_ = &alarm;
  std::exception_ptr thrown;
  try {
    co_await schedule(probing);
  } catch (...) {
    thrown = std::current_exception();
  }
  // Whatever ended the schedule, its probes end before we return: they know this object.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  probing.cancel();
  co_await probing.join();
  alarm_ = nullptr;
  if (thrown) std::rethrow_exception(thrown);
}

net::Task<> Prober::schedule(net::Nursery& probing) {
  net::Clock::time_point next_slot = net::Clock::now();
  for (;;) {
    const auto now = net::Clock::now();
    const std::optional<std::size_t> chosen = next_visit(now);
    if (chosen && next_slot <= now) {
      Visit& visit = visits_[last_visit_ = *chosen];
      probing.start(try_probe(visit, visit.begin()));
      next_slot = now + interval_of(pace_.rate);
      continue;
    }
    const auto due = chosen ? std::optional(next_slot) : next_due();
    if (!due && is_idle()) co_return;
    if (!chosen && is_idle()) waits_until_ = due;
    alarm_->expires_at(due.value_or(net::Clock::time_point::max()));
    co_await alarm_->async_wait(net::as_result);
    waits_until_.reset();
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return;
  }
}

// Doors take turns.
std::optional<std::size_t> Prober::next_visit(net::Clock::time_point now) const {
  if (has_enough_) return std::nullopt;
  for (std::size_t n = 1; n <= visits_.size(); ++n) {
    const std::size_t i = (last_visit_ + n) % visits_.size();
    if (visits_[i].may_begin(now)) return i;
  }
  return std::nullopt;
}

std::optional<net::Clock::time_point> Prober::next_due() const {
  std::optional<net::Clock::time_point> next;
  if (has_enough_) return next;
  for (const Visit& visit : visits_) {
    const auto due = visit.due();
    if (due && (!next || *due < *next)) next = due;
  }
  return next;
}

bool Prober::is_idle() const { return std::ranges::all_of(visits_, &Visit::is_idle); }

net::Task<> Prober::try_probe(Visit& visit, std::size_t index) {
  const Ending ending(visit, alarm_);
  const Door& door = visit.door();
  const bool needed_tls = visit.needs_tls;
  Attempt attempt = co_await converse(door, door.probes[index], needed_tls);
  if (attempt.insists_on_tls) {  // it has said nothing about relaying yet
    attempt = co_await converse(door, door.probes[index], true);
    // What it wants is TLS only where it is content with it: 530 may mean a login, too.
    visit.needs_tls = !attempt.probe.tls.empty() && !attempt.probe.reply.starts_with("530");
  }
  has_enough_ |= pace_.until_accepted && attempt.probe.outcome == Outcome::accepted;
  visit.take_in(index, std::move(attempt), net::Clock::now());
  on_change_();
}

net::Task<Attempt> Prober::converse(const Door& door, const ProbeResult& probe, bool with_tls) {
  const Trick& trick = *find_trick(probe.trick);
  const Script script = script_of(run_, door, probe, trick, system_clock::now());
  const Patience patience{pace_.timeout, pace_.probe_limit, pace_.surplus};
  Conversation conversation(script, door, run_.server, tls_, patience, probe, with_tls);
  Attempt attempt = co_await conversation.hold();
  co_return attempt;
}

// ── plan and dry run ─────────────────────────────────────────────────────────────────────────────────────────────────

void plan_probes(Run& run, std::span<const std::string> only) {
  for (const std::string& name : only) {
    if (!find_trick(name)) {
      throw std::invalid_argument(fmt::format("there is no trick of the name {}", name));
    }
  }
  for (std::size_t i = 0; i < run.doors.size(); ++i) {
    Door& door = run.doors[i];
    door.probes.clear();
    for (const Trick& trick : catalogue()) {
      const bool is_wanted = only.empty() || std::ranges::count(only, trick.name) > 0;
      if (is_wanted) door.probes.push_back(planned(run, i, trick));
    }
  }
}

}  // namespace postern::relaytest
