#include "relaytest/visit.h"

#include <algorithm>
#include <utility>

#include "relaytest/judge.h"

namespace postern::relaytest {
namespace {

/// Greylisting says come back later, and means it. A question that is not answered now says nothing about relaying; and who
/// denies relaying with a 4xx (Debian's Postfix does) will not say otherwise later.
bool is_worth_a_retry(const ProbeResult& probe) {
  return probe.outcome == Outcome::deferred && probe.kind != Kind::question &&
         !denies_relaying(probe.reply);
}

}  // namespace

Visit::Visit(Door& door, const Rules& rules, Instant now, system_clock::time_point date)
    : door_(door), rules_(rules) {
  if (!door_.trouble.empty()) return;
  for (std::size_t i = 0; i < door_.probes.size(); ++i) {
    const ProbeResult& probe = door_.probes[i];
    if (!find_trick(probe.trick)) continue;
    if (probe.outcome == Outcome::not_tried) due_.emplace(now, i);
    if (probe.attempts <= rules_.retries && is_worth_a_retry(probe)) {
      const auto waited =
          std::chrono::duration_cast<net::Clock::duration>(date - probe.answered_at);
      const auto left =
          rules_.retry_after - std::clamp<net::Clock::duration>(waited, {}, rules_.retry_after);
      due_.emplace(now + left, i);
    }
  }
}

bool Visit::may_begin(Instant now) const {
  const std::optional<Instant> when = due();
  return when && *when <= now;
}

std::size_t Visit::begin() {
  ++running_;
  return due_.extract(due_.begin()).mapped();
}

std::optional<Visit::Instant> Visit::due() const {
  if (due_.empty() || is_full()) return std::nullopt;
  return due_.begin()->first;
}

void Visit::take_in(std::size_t index, Attempt attempt, Instant now) {
  if (attempt.has_greeted) {
    if (!door_.is_reachable) door_.greeting = std::move(attempt.greeting);
    door_.is_reachable = true;
    failures_ = 0;
  }
  ProbeResult& probe = door_.probes[index];
  const auto attempts = probe.attempts + 1;
  std::vector<Return> returns = std::move(probe.returns);  // a message may be back before its QUIT
  probe = std::move(attempt.probe);
  probe.attempts = attempts;
  probe.returns = std::move(returns);

  if (!attempt.farewell.empty()) return give_up(std::move(attempt.farewell));
  const bool is_failure = !attempt.has_greeted && probe.outcome != Outcome::refused;
  // Where there was little to try, fewer failures are all that there is to know.
  if (is_failure && (++failures_ == max_failures || (due_.empty() && !door_.is_reachable)))
    return give_up(probe.reply);
  if (attempts <= rules_.retries && door_.trouble.empty() && is_worth_a_retry(probe)) {
    due_.emplace(now + rules_.retry_after, index);
  }
}

void Visit::give_up(std::string why) {
  if (door_.trouble.empty()) door_.trouble = std::move(why);
  due_.clear();
}

}  // namespace postern::relaytest
