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
  return probe.has_local_carrier && !probe.has_surplus_replies ? Verdict::closed
                                                               : Verdict::mail_sink;
}

/// A reply in lower case, without what it repeats of ours in brackets: our address has the word relay in it.
std::string own_words_of(std::string_view reply) {
  std::string words;
  for (bool is_ours = false; const char c : reply) {
    if (c == '<') is_ours = true;
    if (!is_ours) words += mail::to_lower(c);
    if (c == '>') is_ours = false;
  }
  return words;
}

bool has_any(const std::string& words, std::initializer_list<std::string_view> some) {
  return std::ranges::any_of(some,
                             [&](std::string_view word) { return words.find(word) != words.npos; });
}

/// The recipient was taken, and then what was sent to him was not, for some other reason: another content might have passed.
bool refuses_the_content(const ProbeResult& probe) {
  return probe.kind == Kind::message && probe.has_recipient_accepted &&
         !denies_relaying(probe.reply);
}

/// In the plain trick nothing is odd but our own name and address: who finds the fault there (Exim takes no address literals) was
/// not asked about relaying.
bool is_of_form(const ProbeResult& plain) {
  if (plain.outcome != Outcome::refused) return false;
  const bool is_of_syntax = plain.reply.starts_with("50");  // RFC 5321, 4.2.1: 500 to 504
  return is_of_syntax ||
         has_any(own_words_of(plain.reply), {"sender address rejected", "sender verify failed"});
}

/// Something was refused that another stranger would be refused, too.
bool was_really_asked(const Door& door) {
  const auto is_of_us = [](const ProbeResult& probe) { return refuses_the_tester(probe); };
  const auto plain = std::ranges::find(door.probes, "plain", &ProbeResult::trick);
  if (plain != door.probes.end() && (is_of_us(*plain) || is_of_form(*plain))) return false;
  return std::ranges::any_of(door.probes, [&](const ProbeResult& probe) {
    return verdict_of(probe) == Verdict::closed && !is_of_us(probe);
  });
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
      if (probe.has_surplus_replies) return Verdict::mail_sink;
      return refuses_the_content(probe) ? Verdict::inconclusive : Verdict::closed;
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
  if (all == Verdict::closed && !was_really_asked(door)) all = Verdict::inconclusive;
  const bool is_untouched = door.trouble.empty() && !was_tried(door);
  if (all == Verdict::open_relay || door.is_reachable || is_untouched)
    return all.value_or(Verdict::inconclusive);
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
  return probe.outcome == Outcome::accepted || probe.has_surplus_replies ||
         (is_unanswered && probe.step == "content");
}

bool is_awaited(const ProbeResult& probe) {
  return may_come_back(probe) && !has_come(probe, Return::What::relayed) &&
         !has_come(probe, Return::What::bounced);
}

bool denies_relaying(std::string_view reply) {
  const std::string words = own_words_of(reply);
  // sendmail's `Relaying temporarily denied` means that it does not know yet.
  return has_any(words, {"relay"}) && !has_any(words, {"temporar", "greylist", "graylist"}) &&
         has_any(words, {"denied", "not permitted", "not allowed", "prohibited"});
}

bool refuses_the_tester(const ProbeResult& probe) {
  if (probe.outcome != Outcome::refused) return false;
  constexpr std::array before_mail = {"connect", "greeting", "EHLO", "HELO", "TLS"};
  if (std::ranges::find(before_mail, probe.step) != before_mail.end()) return true;
  return has_any(own_words_of(probe.reply),
                 {"blocked", "blacklist", "blocklist", "block list", "black list", "dnsbl",
                  "spamhaus", "reputation", "helo command rejected", "domain not found"});
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
