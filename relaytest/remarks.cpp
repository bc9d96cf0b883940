// The part of the judge that decides nothing: what a reader should know besides.
#include <fmt/format.h>

#include <algorithm>

#include "relaytest/judge.h"

namespace postern::relaytest {
namespace {

bool has(const ProbeResult& probe, Return::What what, bool is_carrier) {
  return std::ranges::any_of(probe.returns, [&](const Return& it) {
    return it.what == what && it.is_carrier == is_carrier;
  });
}

/// 252 says that it will not tell (RFC 5321, 3.5.3).
bool discloses(const ProbeResult& probe) {
  return probe.kind == Kind::question && probe.outcome == Outcome::answered &&
         !probe.reply.starts_with("252");
}

std::string counted(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

void add_doors(const Run& run, std::vector<std::string>& remarks) {
  const bool is_any_open =
      std::ranges::any_of(run.doors, [](const Door& door) { return door.is_reachable; });
  for (const Door& door : run.doors) {
    if (is_any_open && !door.is_reachable && was_tried(door)) {
      remarks.push_back(fmt::format("{} could not be reached and is not counted{}{}.", door.label,
                                    door.trouble.empty() ? "" : ": ", door.trouble));
    } else if (door.is_reachable && !door.trouble.empty()) {
      remarks.push_back(fmt::format("{} was given up: {}.", door.label, door.trouble));
    }
  }
}

}  // namespace

std::vector<std::string> remarks_of(const Run& run) {
  std::vector<std::string> remarks;
  add_doors(run, remarks);
  const auto add = [&](std::size_t count, std::string_view one, std::string_view many,
                       std::string_view what) {
    if (count > 0) remarks.push_back(counted(count, one, many) + std::string(what));
  };
  add(count_probes(run,
                   [](const ProbeResult& probe) {
                     return has(probe, Return::What::bounced, false) ||
                            has(probe, Return::What::bounced, true);
                   }),
      "probe was", "probes were",
      " accepted and bounced afterwards: to a forged sender this is backscatter; a server does "
      "better to refuse in the dialogue.");
  add(count_probes(run,
                   [](const ProbeResult& probe) {
                     return has(probe, Return::What::answered, false) ||
                            has(probe, Return::What::answered, true);
                   }),
      "probe was", "probes were",
      " answered, by an auto-reply or by a report of a delay or of a way that failed: that shows "
      "where it arrived, and perhaps that it was to be passed on.");
  add(count_probes(run,
                   [](const ProbeResult& probe) {
                     return probe.kind == Kind::smuggling &&
                            (has(probe, Return::What::relayed, false) ||
                             has(probe, Return::What::bounced, false));
                   }),
      "hidden message was", "hidden messages were",
      " taken out of the content of another and treated as mail: the server ends content where "
      "RFC 5321, 4.1.1.4 does not.");
  add(count_probes(run, has_no_carrier), "hidden message was", "hidden messages were",
      " not sent: the server refuses mail to the address that was named for the message around "
      "it.");
  add(count_probes(run,
                   [](const ProbeResult& probe) {
                     return probe.outcome == Outcome::deferred && denies_relaying(probe.reply);
                   }),
      "probe was", "probes were",
      " denied relaying with a code that means \"later\" (4xx): an honest client tries again for "
      "days.");
  // Rude tricks may well be refused before MAIL: only where a door has refused nothing else is it of interest.
  const bool is_shut_to_us = std::ranges::any_of(run.doors, [](const Door& door) {
    return verdict_of(door) == Verdict::inconclusive &&
           std::ranges::any_of(door.probes, refuses_the_tester);
  });
  if (is_shut_to_us) {
    add(count_probes(run, refuses_the_tester), "probe was", "probes were",
        " refused for who asked (a blocklist, the greeting, our name), not for what was asked: "
        "whether others are let in is not known. Try from another address, or with a --mailbox in "
        "a "
        "domain of yours.");
  }
  add(count_probes(run, discloses), "question was", "questions were",
      " answered (VRFY, EXPN): a stranger learns which mailboxes exist.");
  add(count_probes(run,
                   [](const ProbeResult& probe) { return probe.outcome == Outcome::not_offered; }),
      "trick could", "tricks could",
      " not be tried: STARTTLS or CHUNKING is not offered, or the connection is encrypted "
      "already.");
  return remarks;
}

}  // namespace postern::relaytest
