#include "queue/schedule.h"

#include <algorithm>

namespace postern::queue {

void Schedule::configure(std::uint32_t leases_per_destination, std::chrono::seconds max_retry) {
  limit_ = std::max(leases_per_destination, 1U);
  unreachable_ = Backoff(std::min(first_pause, max_retry), max_retry);
}

void Schedule::put(const std::string& destination, mail::MessageId id, SteadyTime due,
                   SteadyTime now) {
  const auto line = lines_.try_emplace(destination).first;
  const auto [entry, is_new] = line->second.due.try_emplace(id.value(), due);
  if (!is_new) {
    line->second.waiting.erase({entry->second, id});
    entry->second = due;
  }
  // At a start, and mostly: what comes is due after all that is there.
  line->second.waiting.emplace_hint(line->second.waiting.end(), due, id);
  settle(line, now);
}

void Schedule::remove(const std::string& destination, mail::MessageId id) {
  const auto line = lines_.find(destination);
  if (line == lines_.end()) return;
  const auto entry = line->second.due.find(id.value());
  if (entry == line->second.due.end()) return;
  line->second.waiting.erase({entry->second, id});
  line->second.due.erase(entry);
  // Its place in ready_ or agenda_ stays, and is found out there when its time comes.
}

void Schedule::doubt(const std::string& destination) {
  const auto line = lines_.find(destination);
  if (line != lines_.end()) line->second.window.doubt();
}

// Gives the line its place: among the ready, on the agenda, or nowhere while it waits for a lease to end or has
// nothing more.
void Schedule::settle(Lines::iterator at, SteadyTime now) {
  Line& line = at->second;
  const std::optional<SteadyTime> time = time_to_lend(line);
  if (time && *time <= now) {
    plan(at, std::nullopt);
    make_ready(at);
    return;
  }
  make_unready(line);
  if (time || line.window.running() > 0) return plan(at, time);
  const bool is_remembered = line.forgotten > now && lines_.size() <= max_remembered_lines;
  if (is_remembered || line.paused_until > now) {
    return plan(at, std::max(line.paused_until, is_remembered ? line.forgotten : now));
  }
  plan(at, std::nullopt);
  disprove(line);
  lines_.erase(at);
}

std::optional<SteadyTime> Schedule::time_to_lend(const Line& line) const {
  if (line.waiting.empty() || !line.window.has_room(limit_)) return std::nullopt;
  return std::max(line.waiting.begin()->first, line.paused_until);
}

void Schedule::plan(Lines::iterator at, std::optional<SteadyTime> time) {
  Line& line = at->second;
  if (line.planned == time) return;
  if (line.planned) agenda_.erase({*line.planned, at->first});
  line.planned = time;
  if (time) agenda_.emplace(std::pair(*time, at->first), at);
}

// A line that is ready already keeps its place, unless it belongs among others now.
void Schedule::make_ready(Lines::iterator at) {
  Line& line = at->second;
  const Share share = share_of(line);
  if (line.ready && line.ready->share == share) return;
  make_unready(line);
  line.ready = {share, ++last_place_};
  ready_[share].emplace(last_place_, at);
}

void Schedule::make_unready(Line& line) {
  if (line.ready) ready_[line.ready->share].erase(line.ready->number);
  line.ready.reset();
}

Schedule::Share Schedule::share_of(const Line& line) {
  if (line.is_proven) return proven;
  if (line.window.running() > 0) return repeated;
  if (line.served != SteadyTime::min() && line.failures == 0) return known;
  return line.window.is_fresh() ? unheard : repeated;
}

bool Schedule::has_room(Share share) const {
  if (running_ >= max_leases) return false;
  if (share == proven) return true;
  if (share == known) return unproven_ < max_unproven_leases;
  return unproven_ < (share == unheard ? max_unheard_leases : max_repeated_leases);
}

// First come, first served, among those whose share is not used up.
std::optional<Schedule::Lines::iterator> Schedule::first_ready(Whose whose) const {
  std::optional<Lines::iterator> first;
  std::uint64_t place = last_place_ + 1;
  for (const Share share : {proven, known, unheard, repeated}) {
    if (whose == Whose::proven && share != proven) continue;
    const auto& lines = ready_[share];
    if (lines.empty() || !has_room(share) || lines.begin()->first >= place) continue;
    place = lines.begin()->first;
    first = lines.begin()->second;
  }
  return first;
}

std::optional<Schedule::Turn> Schedule::next(SteadyTime now, Whose whose) {
  while (!agenda_.empty() && agenda_.begin()->first.first <= now) {
    const auto at = agenda_.begin()->second;
    plan(at, std::nullopt);
    settle(at, now);
  }
  check_proofs(now);
  while (const auto ready = first_ready(whose)) {
    const auto at = *ready;
    Line& line = at->second;
    make_unready(line);
    const std::optional<SteadyTime> time = time_to_lend(line);
    if (time && *time <= now) {
      Turn turn{line.waiting.begin()->second, at->first, ++last_turn_};
      line.waiting.erase(line.waiting.begin());
      line.due.erase(turn.id.value());
      line.window.lend(turn.number);
      ++running_;
      if (!line.is_proven) ++unproven_;
      settle(at, now);
      return turn;
    }
    settle(at, now);
  }
  return std::nullopt;
}

Schedule::Effect Schedule::ended(const Turn& turn, Ending ending, SteadyTime now,
                                 const std::string& reason) {
  const auto at = lines_.find(turn.destination);
  if (at == lines_.end() || at->second.window.running() == 0) return {};
  Line& line = at->second;
  --running_;
  if (!line.is_proven) --unproven_;
  Effect effect;
  if (ending == Ending::served) {
    line.window.served(limit_);
    line.failures = 0;
    line.paused_until = SteadyTime::min();
    prove(at, now);
  } else if (ending == Ending::unreachable || ending == Ending::overloaded) {
    const Window::Failure failure = line.window.failed(turn.number);
    const bool is_dead = failure == Window::Failure::dead && ending == Ending::unreachable;
    effect.is_slowed = failure == Window::Failure::slowed;
    effect.is_paused = is_dead && line.paused_until <= now;
    if (effect.is_paused) pause(line, unreachable_, reason, now);
  } else if (ending == Ending::route_refused) {
    line.window.refused();
    // Others that were lent out at the same time and fail with it are the same failure.
    effect.is_paused = line.paused_until <= now;
    if (effect.is_paused) pause(line, route_refused_, reason, now);
  } else {
    line.window.ended_for_another_reason();
  }
  effect.window = std::min(line.window.size(), limit_);
  if (line.paused_until > now) effect.pause = line.paused_until - now;
  line.forgotten = now + memory_lasts;
  settle(at, now);
  return effect;
}

void Schedule::pause(Line& line, const Backoff& backoff, const std::string& reason,
                     SteadyTime now) {
  line.paused_until = now + backoff.after(++line.failures, random_);
  line.reason = reason;
  disprove(line);
}

void Schedule::prove(Lines::iterator at, SteadyTime now) {
  Line& line = at->second;
  line.served = now;
  if (line.is_proven) return;
  line.is_proven = true;
  unproven_ -= line.window.running();
  line.proof_end = now + proof_lasts;
  proofs_.emplace_back(line.proof_end, at->first);
}

void Schedule::disprove(Line& line) {
  if (!line.is_proven) return;
  line.is_proven = false;
  unproven_ += line.window.running();
}

// A line has an entry from when it is proven, looked at once a minute, so that a success need not touch it.
void Schedule::check_proofs(SteadyTime now) {
  while (!proofs_.empty() && proofs_.front().first <= now) {
    const auto [end, destination] = std::move(proofs_.front());
    proofs_.pop_front();
    const auto at = lines_.find(destination);
    if (at == lines_.end() || !at->second.is_proven || at->second.proof_end != end) continue;
    Line& line = at->second;
    if (line.served + proof_lasts > now) {
      line.proof_end = now + proof_lasts;
      proofs_.emplace_back(line.proof_end, destination);
    } else {
      disprove(line);
      settle(at, now);
    }
  }
}

void Schedule::wake(const std::string& destination, SteadyTime now) {
  const auto at = lines_.find(destination);
  if (at == lines_.end()) return;
  at->second.paused_until = SteadyTime::min();
  at->second.failures = 0;
  settle(at, now);
}

void Schedule::wake_all(SteadyTime now) {
  for (auto at = lines_.begin(); at != lines_.end();) wake((at++)->first, now);
}

std::optional<Schedule::Pause> Schedule::pause_of(const std::string& destination,
                                                  SteadyTime now) const {
  const auto at = lines_.find(destination);
  if (at == lines_.end() || at->second.paused_until <= now) return std::nullopt;
  return Pause{at->second.paused_until, at->second.reason};
}

std::optional<SteadyTime> Schedule::wake_at() const {
  if (agenda_.empty()) return std::nullopt;
  return agenda_.begin()->first.first;
}

}  // namespace postern::queue
