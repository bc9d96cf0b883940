// What a run against Postern itself has shown.
#include <fmt/format.h>

#include <algorithm>

#include "mail/ascii.h"
#include "relaytest/judge.h"
#include "relaytest/self_test.h"
#include "relaytest/server_name.h"

namespace postern::relaytest {
namespace {

using frames::SelftestResult;

constexpr std::size_t max_evidence = 700;  // octets, of a log line
constexpr std::size_t max_received = 3;    // fields that are shown of a returned message

std::string shortened(std::string text) {
  if (text.size() > max_evidence) text.replace(max_evidence, text.npos, "...");
  return text;
}

std::string way_of(const Return& it) {
  std::string way = fmt::format("it came back from {}", it.peer);
  for (std::size_t i = 0; i < it.received.size() && i < max_received; ++i)
    way += fmt::format("; Received: {}", it.received[i]);
  std::ranges::replace(way, '\t', ' ');  // where a field was folded
  return way;
}

std::string words_of(const ProbeResult& probe) {
  return fmt::format("MAIL FROM:{} RCPT TO:{} was answered at {}: {}", probe.from, probe.to,
                     probe.step, probe.reply);
}

std::string_view words_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::not_tried:
      return "not tried";
    case Outcome::deferred:
      return "deferred to the end";
    case Outcome::broken_off:
      return "the connection ended";
    case Outcome::no_answer:
      return "no answer in time";
    default:
      return "undecided";
  }
}

struct Found {
  const Door* door = nullptr;
  const ProbeResult* probe = nullptr;
};

template <class Claim>
Found find_probe(const Run& run, Claim claim) {
  for (const Door& door : run.doors) {
    const auto found = std::ranges::find_if(
        door.probes, [&](const ProbeResult& probe) { return claim(door, probe); });
    if (found != door.probes.end()) return {&door, &*found};
  }
  return {};
}

void tell(SelftestResult& result, SelftestResult::Verdict verdict, const Found& found,
          std::string evidence) {
  result.verdict = verdict;
  result.door = found.door->label;
  result.trick = found.probe->trick;
  result.evidence = shortened(std::move(evidence));
}

bool find_open_door(const Run& run, SelftestResult& result) {
  const Found open = find_probe(run, [](const Door&, const ProbeResult& probe) {
    return verdict_of(probe) == Verdict::open_relay;
  });
  if (!open.probe) return false;
  const auto back = std::ranges::find(open.probe->returns, Return::What::relayed, &Return::what);
  tell(result, SelftestResult::Verdict::returned, open,
       back != open.probe->returns.end() ? way_of(*back) : words_of(*open.probe));
  return true;
}

bool find_acceptance(const Run& run, const std::string& hostname, SelftestResult& result) {
  const auto is_accepted = [](const Door&, const ProbeResult& probe) {
    return probe.outcome == Outcome::accepted;
  };
  const Found ours = find_probe(run, [&](const Door& door, const ProbeResult& probe) {
    return is_accepted(door, probe) &&
           mail::equals_ignoring_case(first_word_of_greeting(door.greeting), hostname);
  });
  if (ours.probe) {
    tell(result, SelftestResult::Verdict::accepted, ours, words_of(*ours.probe));
    return true;
  }
  const Found other = find_probe(run, is_accepted);
  if (!other.probe) return false;
  tell(result, SelftestResult::Verdict::inconclusive, other,
       fmt::format("a server that greets as {}, which is not this Postern, took a message; it has "
                   "not come back: {}",
                   first_word_of_greeting(other.door->greeting), words_of(*other.probe)));
  return true;
}

bool find_doubt(const Run& run, SelftestResult& result) {
  const Found doubt = find_probe(run, [](const Door& door, const ProbeResult& probe) {
    const auto verdict = verdict_of(probe);
    return door.is_reachable && verdict && *verdict != Verdict::closed;
  });
  if (!doubt.probe) return false;
  const std::string& why = doubt.door->trouble.empty() ? doubt.probe->reply : doubt.door->trouble;
  tell(result, SelftestResult::Verdict::inconclusive, doubt,
       fmt::format("{}{}{}", words_of(doubt.probe->outcome), why.empty() ? "" : ": ", why));
  return true;
}

}  // namespace

SelftestResult self_result_of(const SelfTest& test, const std::string& hostname) {
  SelftestResult result;
  result.gaps = test.gaps;
  for (const Door& door : test.run.doors) {
    if (verdict_of(door) == Verdict::closed) ++result.doors;
    if (was_tried(door) && !door.is_reachable) {
      result.gaps.push_back(
          fmt::format("{}: {}", door.label, door.trouble.empty() ? "no answer" : door.trouble));
    }
  }
  result.probes = static_cast<std::uint32_t>(
      count_probes(test.run, [](const ProbeResult& probe) { return was_tried(probe); }));
  if (result.gaps.size() > frames::max_gaps) result.gaps.resize(frames::max_gaps);
  if (find_open_door(test.run, result) || find_acceptance(test.run, hostname, result) ||
      find_doubt(test.run, result)) {
    return result;
  }
  if (result.doors > 0) {
    result.verdict = SelftestResult::Verdict::passed;
  } else {
    result.evidence = "no door could be tried";
  }
  return result;
}

std::vector<std::string> self_remarks(const SelfTest& test,
                                      const frames::SelftestSettings& settings) {
  std::string sources;
  for (const mail::IpAddress& source : settings.sources)
    sources += (sources.empty() ? "" : " and ") + source.to_string();
  std::vector<std::string> remarks;
  remarks.push_back(fmt::format(
      "Tested from inside: from {} on this machine, outside mynetworks. That proves how Postern "
      "treats whom it takes for a stranger.",
      sources));
  remarks.push_back(fmt::format(
      "It cannot prove that strangers arrive as strangers: a NAT gateway, a port forwarding or a "
      "container's proxy in front can give them an address in mynetworks. That is seen only from "
      "outside: run `postern relay-test {} --i-may-test-this-host` on another machine, by the name "
      "or address that "
      "strangers use.",
      settings.hostname));
  remarks.push_back(fmt::format(
      "Postern brings mail for {} back to {} itself, whatever its routes are: so an accepted probe "
      "is seen to return, and no relayhost is bothered.",
      settings.mailbox, settings.returns));
  remarks.push_back(
      "Postern has no mailboxes: what it takes of a stranger it passes on. So the test ends with "
      "the "
      "first probe that is accepted, and an acceptance is bad enough without a return.");
  for (const std::string& gap : test.gaps) remarks.push_back(fmt::format("Not tested: {}.", gap));
  return remarks;
}

}  // namespace postern::relaytest
