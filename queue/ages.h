// How old mail is, although the wall clock may be wrong: at boot, for a minute, or until somebody notices. Mail that
// lives a little longer than it should is a small harm; mail that is given up because a clock ran away is a great one.
//
// What comes in while the process lives ages by the steady clock alone. Only what lay in the spool at the start needs
// the wall clock, to tell how long it had waited by then, and there the younger of two readings counts:
// - Nothing is so old at the start that it is given up soon: it has a part of its life left to be tried again, be it
//   that nobody ran Postern for weeks, or that the clock is years ahead.
// - When the clock is put back later, it was ahead at the start: what lay there is younger than it seemed. When it is
//   put forward, nothing follows: mail that seemed younger than it is lives longer, at most as long as new mail.
// - An arrival in the future counts as now.
#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

#include "queue/moment.h"

namespace postern::queue {

class Ages {
 public:
  static constexpr int last_part = 24;  // of a life, which old mail has left at the start
  static constexpr std::chrono::minutes slack{
      1};  // less is no jump, but a clock that is being adjusted

  explicit Ages(const Moment& start) : start_(start.steady), reference_(start) {}

  /// When a message arrived that lay there at the start; `life`: after which it is given up.
  [[nodiscard]] SteadyTime of_old(SteadyTime arrival, std::chrono::seconds life) const {
    const net::Clock::duration left = net::Clock::duration(life) / last_part;
    return std::clamp(arrival, start_ - (life - left), start_);
  }
  /// The same, when it turned out that the clock had been ahead by `ahead`.
  [[nodiscard]] SteadyTime corrected(SteadyTime arrival, net::Clock::duration ahead) const {
    return arrival < start_ ? std::min(arrival + ahead, start_) : arrival;
  }

  /// By how much the wall clock was put back since the start, or since this was last asked; nothing: it was not.
  [[nodiscard]] std::optional<net::Clock::duration> put_back(const Moment& now) {
    const net::Clock::duration back = reference_.on_wall(now.steady) - now.wall;
    if (back < -slack || back > slack) has_jumped_ = true;
    if (back <= slack) return std::nullopt;
    reference_ = now;
    return back;
  }

  /// Message ids are made from the wall clock: only while that goes evenly are they in the order of arrival.
  bool are_ids_in_order() const { return !has_jumped_; }
  void ids_are_not_in_order() { has_jumped_ = true; }

 private:
  SteadyTime start_;
  Moment reference_;  // where the wall clock was the furthest back
  bool has_jumped_ = false;
};

}  // namespace postern::queue
