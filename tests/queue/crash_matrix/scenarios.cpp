#include "scenarios.h"

#include <algorithm>
#include <stdexcept>

namespace postern::queue {
namespace {

using enum RecipientState;

constexpr std::size_t large = max_inline_content + 9000;

void accept_small(WitnessedSpool& spool) {
  spool.accept(900);
  spool.run();
  for (int i = 0; i < 3; ++i) spool.accept(2000, 2);
  spool.run();
  spool.accept(20'000);
  spool.accept(1);
  spool.run();
}

void accept_large(WitnessedSpool& spool) {
  spool.accept(large);
  spool.run();
  const auto second = spool.accept(large, 2);
  spool.accept(1500);
  spool.run();
  if (!spool.waiting().empty()) spool.settle_all(spool.waiting().front(), delivered);
  spool.run();
  spool.accept(900);
  spool.run();
  if (std::ranges::count(spool.waiting(), second) > 0) spool.settle_all(second, bounced, true);
  spool.run();
  spool.run();
}

void many_in_a_batch(WitnessedSpool& spool) {
  for (std::size_t i = 0; i < 40; ++i) spool.accept(300 + 100 * i, 1 + i % 3);
  spool.run();
  const auto waiting = spool.waiting();
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    if (i % 3 > 0) spool.settle_all(waiting[i], i % 2 == 0 ? delivered : held, i % 4 == 0);
  }
  for (std::size_t i = 0; i < 10; ++i) spool.accept(1000);
  spool.run();
}

void outcomes(WitnessedSpool& spool) {
  for (int i = 0; i < 6; ++i) spool.accept(800, 3);
  spool.run();
  for (int round = 0; round < 4; ++round) {
    for (const auto id : spool.waiting()) spool.settle_all(id, RecipientState::waiting);
    if (round % 2 == 0) spool.run();
    for (const auto id : spool.waiting()) {
      const auto& changes = spool.message(id).changes;
      const auto recipient =
          static_cast<std::uint32_t>(static_cast<std::size_t>(round) % changes.size());
      const auto& change = changes[recipient];
      if (change && frames::is_final(change->state)) continue;
      spool.settle(id, recipient, id.value() % 2 == 0 ? delivered : bounced, id.value() % 3 == 0);
    }
    spool.accept(500);
    spool.run();
  }
}

void reports(WitnessedSpool& spool) {
  for (int i = 0; i < 5; ++i) spool.accept(800, 2);
  spool.run();
  const auto waiting = spool.waiting();
  for (const auto id : waiting) {
    spool.settle(id, 1, delivered);
    spool.accept_report(id);
    if (id.value() % 2 == 0) spool.run();
  }
  spool.run();
  for (const auto id : spool.waiting()) spool.settle_all(id, delivered);
  spool.run();
  spool.accept(100);
  spool.run();
}

void segments(WitnessedSpool& spool) {
  for (int i = 0; i < 12; ++i) {
    spool.accept(1100, 1 + static_cast<std::size_t>(i % 2));
    if (i % 4 == 1) spool.accept(700);
    spool.run();
    const auto waiting = spool.waiting();
    if (waiting.size() > 3) spool.settle_all(waiting.front(), delivered, i % 2 == 0);
  }
  for (const auto id : spool.waiting()) spool.settle_all(id, bounced);
  spool.run();
  spool.accept(10);
  spool.run();
}

// The oldest two messages wait while all behind them ends: their segments are compacted, again and again. Now and then
// they are deferred, or an awaited outcome of one is under way while it may be moved.
void compaction(WitnessedSpool& spool) {
  spool.accept(900, 3);
  spool.accept(large, 2);
  spool.run();
  const auto old = spool.waiting();
  for (std::uint32_t round = 0; round < 24; ++round) {
    spool.accept(1200);
    spool.accept(600, 2);
    if (round % 8 == 3) spool.accept(large);
    for (const auto id : spool.waiting()) {
      const bool is_old = std::ranges::count(old, id) > 0;
      if (is_old && round % 2 == 0) spool.settle_all(id, RecipientState::waiting);
      if (is_old && round % 2 == 1) spool.settle(id, 1, round > 20 ? delivered : held, true);
      if (!is_old && id.value() % 7 != 0) spool.settle_all(id, delivered);
    }
    spool.run();
  }
  for (const auto id : spool.waiting()) {
    if (std::ranges::count(old, id) > 0) spool.settle_all(id, delivered, true);
    spool.run();
  }
}

// Anything, in any order, by chance.
void everything(WitnessedSpool& spool) {
  Random random(11);
  for (int step = 0; step < 140; ++step) {
    const auto waiting = spool.waiting();
    const auto any = waiting.empty() ? mail::MessageId() : waiting[below(waiting.size(), random)];
    const std::size_t deed = below(12, random);
    if (deed < 3) {
      spool.accept(below(30, random) == 0 ? large : 200 + below(2500, random), 1 + deed);
    } else if (deed < 7) {
      spool.run();
    } else if (waiting.empty() || !spool.is_at_rest(any)) {
      continue;
    } else if (deed < 8) {
      spool.settle_all(any, RecipientState::waiting);
    } else if (deed < 10) {
      spool.settle_all(any, delivered, deed == 8);
    } else if (deed < 11) {
      spool.settle_all(any, RecipientState::held, true);
    } else if (spool.message(any).head.envelope.reverse_path) {
      spool.accept_report(any);
    }
  }
  spool.run();
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  constexpr std::uint64_t one_segment = 1024 * 1024;
  static const std::vector<Scenario> all{
      {"accept small", one_segment, accept_small},
      {"accept large", one_segment, accept_large},
      {"many in a batch", 40'000, many_in_a_batch},
      {"outcomes", one_segment, outcomes},
      {"reports", 8000, reports},
      {"segments", 4000, segments},
      {"compaction", 12'000, compaction},
      {"everything", 10'000, everything},
  };
  return all;
}

const Scenario& scenario(std::string_view name) {
  const auto found = std::ranges::find(scenarios(), name, &Scenario::name);
  if (found == scenarios().end()) throw std::invalid_argument(std::string(name));
  return *found;
}

}  // namespace postern::queue
