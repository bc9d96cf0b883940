#include "relaytest/judge.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mail/ascii.h"

namespace postern::relaytest {
namespace {

bool is_decisive(const ProbeResult& probe, const Return& it) {
  return !it.is_carrier || !probe.has_local_carrier;
}

bool has_come(const ProbeResult& probe, Return::What what) {
  return std::ranges::any_of(
      probe.returns, [&](const Return& it) { return it.what == what && is_decisive(probe, it); });
}

/// Taken, and it says no more than that.
Verdict verdict_of_accepted(const ProbeResult& probe) {
  return probe.has_local_carrier ? Verdict::closed : Verdict::mail_sink;
}

/// The worst, or where nothing is bad the best known: which of two verdicts stands for both.
Verdict graver(Verdict a, Verdict b) {
  constexpr std::array order = {Verdict::open_relay, Verdict::mail_sink, Verdict::inconclusive,
                                Verdict::closed, Verdict::unreachable};
  return *std::ranges::find_if(order, [&](Verdict it) { return it == a || it == b; });
}

}  // namespace

std::optional<Verdict> verdict_of(const ProbeResult& probe) {
  if (probe.kind == Kind::question) return {};
  if (has_no_carrier(probe)) return {};
  if (has_come(probe, Return::What::relayed)) return Verdict::open_relay;
  if (has_come(probe, Return::What::bounced)) return Verdict::closed;
  if (has_come(probe, Return::What::answered)) return verdict_of_accepted(probe);
  switch (probe.outcome) {
    case Outcome::not_offered:
      return {};
    case Outcome::refused:
      return Verdict::closed;
    case Outcome::accepted:
      return verdict_of_accepted(probe);
    case Outcome::deferred:
      return denies_relaying(probe.reply) ? Verdict::closed : Verdict::inconclusive;
    case Outcome::not_tried:
    case Outcome::broken_off:
    case Outcome::no_answer:
    case Outcome::answered:
      return Verdict::inconclusive;
  }
  return Verdict::inconclusive;
}

bool has_no_carrier(const ProbeResult& probe) {
  return probe.has_local_carrier && probe.outcome == Outcome::refused && probe.step != "content" &&
         probe.returns.empty();
}

Verdict verdict_of(const Door& door) {
  std::optional<Verdict> all;
  for (const ProbeResult& probe : door.probes) {
    const std::optional<Verdict> one = verdict_of(probe);
    if (one) all = all ? graver(*all, *one) : *one;
  }
  if (all == Verdict::open_relay || door.is_reachable) return all.value_or(Verdict::inconclusive);
  return Verdict::unreachable;
}

Verdict verdict_of(const Run& run) {
  Verdict all = Verdict::unreachable;
  for (const Door& door : run.doors) all = graver(all, verdict_of(door));
  return all;
}

bool may_come_back(const ProbeResult& probe) {
  if (probe.kind == Kind::question) return false;
  const bool is_unanswered =
      probe.outcome == Outcome::broken_off || probe.outcome == Outcome::no_answer;
  return probe.outcome == Outcome::accepted || (is_unanswered && probe.step == "content");
}

bool is_awaited(const ProbeResult& probe) {
  return may_come_back(probe) && !has_come(probe, Return::What::relayed) &&
         !has_come(probe, Return::What::bounced);
}

bool denies_relaying(std::string_view reply) {
  std::string words(reply);
  std::ranges::transform(words, words.begin(), mail::to_lower);
  const auto has = [&](std::string_view word) { return words.find(word) != words.npos; };
  // sendmail's `Relaying temporarily denied` means that it does not know yet.
  return has("relay") && !has("temporar") &&
         (has("denied") || has("not permitted") || has("not allowed") || has("prohibited"));
}

std::optional<Verdict> naive_verdict_of(const ProbeResult& probe) {
  const bool is_asked = probe.kind != Kind::question && !probe.has_local_carrier &&
                        probe.outcome != Outcome::not_offered &&
                        probe.outcome != Outcome::not_tried;
  if (!is_asked) return {};
  return probe.has_recipient_accepted ? Verdict::open_relay : Verdict::closed;
}

Verdict naive_verdict_of(const Run& run) {
  Verdict all = Verdict::unreachable;
  for (const Door& door : run.doors) {
    if (door.is_reachable) all = graver(all, Verdict::closed);
    for (const ProbeResult& probe : door.probes) {
      if (naive_verdict_of(probe) == Verdict::open_relay) all = Verdict::open_relay;
    }
  }
  return all;
}

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::closed:
      return "closed";
    case Verdict::open_relay:
      return "open relay";
    case Verdict::mail_sink:
      return "mail sink";
    case Verdict::unreachable:
      return "unreachable";
    case Verdict::inconclusive:
      return "inconclusive";
  }
  return "inconclusive";
}

int exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::closed:
      return 0;
    case Verdict::open_relay:
      return 1;
    case Verdict::mail_sink:
      return 2;
    case Verdict::unreachable:
      return 3;
    case Verdict::inconclusive:
      return 4;
  }
  return 4;
}

}  // namespace postern::relaytest
