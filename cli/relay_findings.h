// What a run of the relay tester found, as the reports tell it: how far each probe got on its way, how many of each, and the
// sentences in which the text and the page say the same.
//
// Sentences hold strangers' text as it came: the text makes it printable, the page escapes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "relaytest/judge.h"
#include "relaytest/run.h"

namespace postern::cli {

/// Where on the way from the tester over the target to the tester's mailbox a probe was last seen. Worst first.
enum class Fate : std::uint8_t {
  returned,  // it came back: relayed
  kept,      // accepted, and not seen again
  carried,  // smuggling: the message around it may stay where it is, and the hidden one was not seen
  bounced,    // accepted, and a report about it came back: not relayed
  undecided,  // deferred to the end, broken off, no answer
  disclosed,  // a question that was answered with an address
  refused,    // a question: not answered with anything
  not_sent,   // not tried, or the trick needs what the target does not offer
  last = not_sent
};

[[nodiscard]] Fate fate_of(const relaytest::ProbeResult& probe);

/// `came back`, `accepted, not seen again`, `refused`, ...
[[nodiscard]] std::string_view words_of(Fate fate);

/// The fate of one probe, told as exactly as is known: `deferred`, `not offered`, `not disclosed`, ...
[[nodiscard]] std::string_view fate_words(const relaytest::ProbeResult& probe);

/// `refused`, `broken off`, `no answer`, ...
[[nodiscard]] std::string_view words_of(relaytest::Outcome outcome);

/// How many messages (questions are none) of a run, or of one door, met which fate.
struct Counts {
  std::size_t returned = 0, kept = 0, carried = 0, bounced = 0, undecided = 0, refused = 0,
              not_sent = 0;

  std::size_t sent() const { return accepted() + undecided + refused; }
  /// Taken by the target, whatever became of it.
  std::size_t accepted() const { return returned + kept + carried + bounced; }
};

[[nodiscard]] Counts counts_of(const relaytest::Run& run);
[[nodiscard]] Counts counts_of(const relaytest::Door& door);

/// `sender`, `recipient`, ...; `other` where the trick is not known: a run may be older than the catalogue.
[[nodiscard]] std::string_view group_of(const relaytest::ProbeResult& probe);

/// The verdict and its ground: one or two sentences.
[[nodiscard]] std::string verdict_sentence(const relaytest::Run& run);

/// What can be done now: for a mail sink, how to look again later. Empty: nothing.
[[nodiscard]] std::string advice_sentence(const relaytest::Run& run);

/// What a tester would say that takes 250 to RCPT for relaying, and why that differs from our verdict, or does not.
[[nodiscard]] std::string naive_sentence(const relaytest::Run& run);

/// Where returns were looked for: `listening on 192.0.2.9:25`
[[nodiscard]] std::string returns_text(const relaytest::Run& run);

/// `2 min 5 s`, `45 s`, `1 h 10 min`
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

/// `2026-11-22 07:30:01 UTC`
[[nodiscard]] std::string moment_text(relaytest::system_clock::time_point time);

}  // namespace postern::cli
