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
  const auto [known, is_new] = line->second.due.try_emplace(id.value(), due);
  if (!is_new) {
    line->second.waiting.erase({known->second, id});
    known->second = due;
  }
  line->second.waiting.emplace(due, id);
  settle(line, now);
}

void Schedule::remove(const std::string& destination, mail::MessageId id) {
  const auto line = lines_.find(destination);
  if (line == lines_.end()) return;
  const auto known = line->second.due.find(id.value());
  if (known == line->second.due.end()) return;
  line->second.waiting.erase({known->second, id});
  line->second.due.erase(known);
  // Its place in ready_ or agenda_ stays, and is found out there when its time comes.
}

// Gives the line its place: among the ready, on the agenda, or nowhere while it waits for a lease to end or has
// nothing more.
void Schedule::settle(Lines::iterator at, SteadyTime now) {
  Line& line = at->second;
  if (line.is_ready) return;
  if (line.planned) agenda_.erase({*line.planned, at->first});
  line.planned.reset();
  const bool is_empty = line.waiting.empty();
  if (is_empty && line.running == 0 && line.paused_until <= now) {
    lines_.erase(at);
    return;
  }
  if (line.running >= std::min(line.window, limit_) || (is_empty && line.running > 0)) return;
  const SteadyTime due = is_empty ? now : line.waiting.begin()->first;
  const SteadyTime time = std::max(due, line.paused_until);
  if (time <= now) {
    line.is_ready = true;
    ready_.push_back(at);
  } else {
    line.planned = time;
    agenda_.emplace(std::pair(time, at->first), at);
  }
}

std::optional<Schedule::Turn> Schedule::next(SteadyTime now) {
  while (!agenda_.empty() && agenda_.begin()->first.first <= now) {
    settle(agenda_.begin()->second, now);
  }
  while (running_ < max_leases && !ready_.empty()) {
    const auto at = ready_.front();
    Line& line = at->second;
    ready_.pop_front();
    line.is_ready = false;
    const bool can_lend = !line.waiting.empty() && line.running < std::min(line.window, limit_) &&
                          std::max(line.waiting.begin()->first, line.paused_until) <= now;
    if (!can_lend) {
      settle(at, now);
      continue;
    }
    Turn turn{line.waiting.begin()->second, at->first};
    line.waiting.erase(line.waiting.begin());
    line.due.erase(turn.id.value());
    ++line.running;
    ++running_;
    settle(at, now);
    return turn;
  }
  return std::nullopt;
}

net::Clock::duration Schedule::ended(const std::string& destination, Ending ending, SteadyTime now,
                                     const std::string& reason) {
  const auto at = lines_.find(destination);
  if (at == lines_.end() || at->second.running == 0) return {};
  Line& line = at->second;
  --line.running;
  --running_;
  if (ending == Ending::served) {
    line.failures = 0;
    line.window = std::min(line.window + 1, std::max(limit_, first_window));
    line.paused_until = SteadyTime::min();
  } else if (ending != Ending::nothing && line.paused_until <= now) {
    // Others that were lent out at the same time and fail with it are the same failure.
    pause(line, ending == Ending::unreachable ? unreachable_ : route_refused_, now);
    line.reason = reason;
  }
  const auto paused = line.paused_until > now ? line.paused_until - now : net::Clock::duration{};
  settle(at, now);
  return paused;
}

void Schedule::pause(Line& line, const Backoff& backoff, SteadyTime now) {
  ++line.failures;
  line.window = 1;
  line.paused_until = now + backoff.after(line.failures, random_);
}

void Schedule::wake(const std::string& destination, SteadyTime now) {
  const auto at = lines_.find(destination);
  if (at == lines_.end()) return;
  at->second.paused_until = SteadyTime::min();
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
