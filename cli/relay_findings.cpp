#include "relay_findings.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "queue_text.h"

namespace postern::cli {
namespace {

using relaytest::Door;
using relaytest::Kind;
using relaytest::Outcome;
using relaytest::ProbeResult;
using relaytest::Return;
using relaytest::Run;
using relaytest::Verdict;

bool has_bounced(const ProbeResult& probe) {
  return std::ranges::any_of(probe.returns,
                             [](const Return& it) { return it.what == Return::What::bounced; });
}

void add(Counts& counts, const ProbeResult& probe) {
  if (probe.kind == Kind::question) return;
  switch (fate_of(probe)) {
    case Fate::returned:
      ++counts.returned;
      break;
    case Fate::kept:
      ++counts.kept;
      break;
    case Fate::carried:
      ++counts.carried;
      break;
    case Fate::bounced:
      ++counts.bounced;
      break;
    case Fate::refused:
      ++counts.refused;
      break;
    case Fate::not_sent:
      ++counts.not_sent;
      break;
    default:
      ++counts.undecided;
  }
}

std::string unreachable_text(const Run& run) {
  std::string text = fmt::format("Nobody answered at {}", run.target);
  for (const Door& door : run.doors) {
    if (!door.trouble.empty()) return fmt::format("{}: {}.", text, door.trouble);
  }
  return text + ".";
}

std::string refused_text(const Run& run, const Counts& counts) {
  std::string text =
      counts.sent() == counts.refused
          ? fmt::format("{} refused {}{}", run.target, counts.refused == 1 ? "" : "each of ",
                        counted(counts.refused, "message"))
          : fmt::format("{} relayed nothing: it refused {}", run.target,
                        counted(counts.refused, "message"));
  if (counts.bounced > 0) text += fmt::format(", bounced {}", counts.bounced);
  if (counts.carried > 0) {
    text += fmt::format(", took {} at an address of its own, and let nothing be smuggled in them",
                        counts.carried);
  }
  return text + ".";
}

/// From the last message that it kept until the end of the run.
std::chrono::seconds waited_for(const Run& run) {
  relaytest::system_clock::time_point last = run.started;
  for (const Door& door : run.doors) {
    for (const ProbeResult& probe : door.probes) {
      if (fate_of(probe) == Fate::kept) last = std::max(last, probe.answered_at);
    }
  }
  return std::chrono::duration_cast<std::chrono::seconds>(run.ended - last);
}

std::string kept_text(const Run& run, const Counts& counts) {
  return fmt::format(
      "{} accepted {} of {}, and {} came back within {}: nothing shows that it forwards anything.",
      run.target, counts.accepted(), counted(counts.sent(), "message"),
      counts.bounced > 0 ? fmt::format("but for bounces of {} none", counts.bounced)
                         : std::string("none"),
      duration_text(waited_for(run)));
}

std::string undecided_text(const Run& run, const Counts& counts) {
  std::size_t not_tried = 0;
  std::string trouble;
  for (const Door& door : run.doors) {
    for (const ProbeResult& probe : door.probes) {
      if (probe.kind != Kind::question && probe.outcome == Outcome::not_tried) ++not_tried;
    }
    if (trouble.empty() && !door.trouble.empty())
      trouble = fmt::format("; {} was given up: {}", door.label, door.trouble);
  }
  std::string text = fmt::format("{} neither took nor refused {} of {}", run.target,
                                 counts.undecided, counted(counts.sent(), "message"));
  if (counts.sent() == 0) {
    text = fmt::format("Nothing could be tried at {}", run.target);
  } else if (counts.undecided == 0) {
    text = fmt::format(
        "{} refused {}, {}", run.target, counted(counts.sent(), "message"),
        not_tried > 0 ? "but more were to be tried" : "for who asked, not for what was asked");
  }
  text += trouble + ".";
  if (not_tried > 0)
    text += fmt::format(" {} {} not tried.", not_tried, not_tried == 1 ? "was" : "were");
  return text + " Nothing came back.";
}

}  // namespace

Fate fate_of(const ProbeResult& probe) {
  const bool is_sent = probe.outcome != Outcome::not_tried && probe.outcome != Outcome::not_offered;
  if (probe.kind == Kind::question) {
    if (probe.outcome == Outcome::answered) return Fate::disclosed;
    return is_sent ? Fate::refused : Fate::not_sent;
  }
  const std::optional<Verdict> verdict = verdict_of(probe);
  if (verdict == Verdict::open_relay) return Fate::returned;
  if (!is_sent) return Fate::not_sent;
  if (verdict == Verdict::mail_sink) return Fate::kept;
  if (verdict != Verdict::closed) return Fate::undecided;
  if (has_bounced(probe)) return Fate::bounced;
  return probe.outcome == Outcome::accepted ? Fate::carried : Fate::refused;
}

std::string_view words_of(Fate fate) {
  switch (fate) {
    case Fate::returned:
      return "came back";
    case Fate::kept:
      return "accepted, not seen again";
    case Fate::carried:
      return "carrier accepted, nothing smuggled";
    case Fate::bounced:
      return "accepted, then bounced";
    case Fate::undecided:
      return "neither taken nor refused";
    case Fate::disclosed:
      return "disclosed";
    case Fate::refused:
      return "refused";
    default:
      return "not tried";
  }
}

std::string_view fate_words(const ProbeResult& probe) {
  const Fate fate = fate_of(probe);
  if (fate == Fate::undecided || fate == Fate::not_sent) return words_of(probe.outcome);
  if (fate == Fate::refused && probe.kind == Kind::question) return "not disclosed";
  return words_of(fate);
}

std::string_view words_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::not_tried:
      return "not tried";
    case Outcome::not_offered:
      return "not offered";
    case Outcome::refused:
      return "refused";
    case Outcome::deferred:
      return "deferred";
    case Outcome::accepted:
      return "accepted";
    case Outcome::broken_off:
      return "broken off";
    case Outcome::no_answer:
      return "no answer";
    default:
      return "answered";
  }
}

Counts counts_of(const Door& door) {
  Counts counts;
  for (const ProbeResult& probe : door.probes) add(counts, probe);
  return counts;
}

Counts counts_of(const Run& run) {
  Counts counts;
  for (const Door& door : run.doors) {
    for (const ProbeResult& probe : door.probes) add(counts, probe);
  }
  return counts;
}

std::string_view group_of(const ProbeResult& probe) {
  const relaytest::Trick* const trick = relaytest::find_trick(probe.trick);
  return trick ? trick->group : "other";
}

std::string verdict_sentence(const Run& run) {
  const Counts counts = counts_of(run);
  switch (verdict_of(run)) {
    case Verdict::open_relay:
      return fmt::format("{} of {} came back to {} through {}: it relays for strangers.",
                         counts.returned, counted(counts.sent(), "message"), run.mailbox,
                         run.target);
    case Verdict::mail_sink:
      return kept_text(run, counts);
    case Verdict::unreachable:
      return unreachable_text(run);
    case Verdict::inconclusive:
      return undecided_text(run, counts);
    default:
      return refused_text(run, counts);
  }
}

std::string advice_sentence(const Run& run) {
  if (counts_of(run).kept == 0 || verdict_of(run) == Verdict::open_relay) return {};
  if (run.is_self) {
    return "Postern has no mailboxes: what it takes it passes on. Find out why that door trusts "
           "strangers, and look into the queue: postern queue list";
  }
  return fmt::format(
      "It may still hold them in a queue and forward them later than we waited, or our mailbox may "
      "be out of its reach: send a message to {} from elsewhere to know. To look again: "
      "postern relay-test --resume {}",
      run.mailbox, run.id);
}

std::string naive_sentence(const Run& run) {
  const Verdict ours = verdict_of(run);
  const Verdict naive = naive_verdict_of(run);
  const auto said =
      fmt::format("A tester that takes 250 to RCPT for relaying would say {}", name_of(naive));
  if (naive == ours) return said + ", too.";
  if (naive == Verdict::open_relay) {
    const std::size_t kept = counts_of(run).kept;
    return fmt::format("{}. It looks at one reply and sends no message: {}.", said,
                       kept > 0 ? "but to accept a message is not yet to forward it, and none that "
                                  "was accepted here came back"
                                : "but no message that was sent here was forwarded");
  }
  if (ours == Verdict::open_relay)
    return said + ". It sees no more than the reply to RCPT: but messages came back.";
  return said + ". It sees no more than the reply to RCPT.";
}

std::string returns_text(const Run& run) {
  std::string text;
  if (!run.listen.empty()) text = "listening on " + run.listen;
  if (!run.returns.empty()) text += (text.empty() ? "in " : ", and in ") + run.returns;
  return text;
}

std::string duration_text(std::chrono::seconds duration) {
  const auto seconds = std::max<std::chrono::seconds::rep>(duration.count(), 0);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) {
    return seconds % 60 == 0 ? fmt::format("{} min", seconds / 60)
                             : fmt::format("{} min {} s", seconds / 60, seconds % 60);
  }
  return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
}

std::string moment_text(relaytest::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                     fmt::gmtime(relaytest::system_clock::to_time_t(time)));
}

}  // namespace postern::cli
