// How many leases one destination is lent at a time, learned as TCP learns it (RFC 5681, 3.1).
//
// It begins with five. Each success adds one, up to a threshold; beyond it, one for a whole window of successes,
// ten at least. A failure (no connection, 421) of a destination that lives, as it has served something since the last failure,
// halves what was under way, and that is the threshold from then on. Leases that were lent before, and fail with it,
// are the same failure. Until the next success only one new lease is lent: a probe.
//
// Where nothing was served since the last failure, the window falls to one; when all that was lent out has ended
// like this, the destination is dead. One success opens it again: from one, up to the old threshold.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace postern::queue {

class Window {
 public:
  static constexpr std::uint32_t first = 5;
  static constexpr std::uint32_t least_credit = 10;  // successes, for one more beyond the threshold

  /// May one more be lent? `limit`: never more than so many, at least 1.
  [[nodiscard]] bool has_room(std::uint32_t limit) const {
    if (running_ == 0) return true;
    return running_ < std::min(size_, limit) && !is_probing();
  }
  std::uint32_t running() const { return running_; }
  std::uint32_t size() const { return size_; }
  bool is_fresh() const { return health_ == Health::fresh; }

  /// A lease is lent. `number`: greater than any before.
  void lend(std::uint64_t number) {
    ++running_;
    last_lent_ = number;
  }

  // One of these follows each `lend`.
  void served(std::uint32_t limit);
  enum class Failure { same, slowed, dead };
  /// same: it follows from one that was counted before, or those still out will decide.
  [[nodiscard]] Failure failed(std::uint64_t number);
  /// All that is lent there would fail: dead at once.
  void refused();
  void ended_for_another_reason() { --running_; }

  /// It failed before this window was made: begins with a probe.
  void doubt();

 private:
  enum class Health {
    fresh,    // nothing has ended yet
    alive,    // served since the last failure
    doubted,  // failed since, once
    failing,  // nothing was served since the failure before the last one, or ever
  };
  bool is_probing() const { return health_ > Health::alive && last_lent_ > shrunk_at_; }
  void shrink(std::uint32_t size, Health health);

  std::uint32_t running_ = 0;
  std::uint32_t size_ = first;
  std::uint32_t threshold_ = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t credit_ = 0;  // successes at this size, beyond the threshold
  Health health_ = Health::fresh;
  std::uint64_t last_lent_ = 0;
  std::uint64_t shrunk_at_ = 0;  // the last number lent before the window shrank
};

}  // namespace postern::queue
