// Whether and when the password of an attempt to log in is looked at: the throttle, with the waiting that it asks for.
// One for the whole of auth, so that an attacker gains nothing by another connection, another smtpd, or a restart of it.
#pragma once

#include <limits>
#include <string>
#include <variant>

#include "auth/fair_queue.h"
#include "auth/throttle.h"
#include "net/task.h"

namespace postern::auth {

struct GateLimits {
  ThrottleLimits throttle{};
  /// The longest that an attempt is made to wait.
  net::Clock::duration patience = std::chrono::seconds(10);
  /// Attempts that are made to wait at a time, in all and of one source; who comes then is told to come back later. They
  /// hold no thread, but about 4 KiB each.
  FairLimits delayed{500, 2, 0};
  /// Attempts under way: of one source so many, and so many behind them.
  FairLimits turns{std::numeric_limits<std::size_t>::max(), 4, 100};
};

/// Who says he is whom.
struct Claimant {
  std::string source;
  std::string login;
};

class LoginGate {
 public:
  explicit LoginGate(GateLimits limits = {})
      : patience_(limits.patience),
        throttle_(limits.throttle),
        delayed_(limits.delayed),
        turns_(limits.turns) {}

  enum class Refusal {
    throttled,  // too many failures: come back later
    crowded,    // too many attempts of this source at a time
  };

  /// The right to look at a password once. The attempt has failed, unless `succeeded` is called.
  class Pass {
   public:
    Pass(LoginGate& gate, Claimant who, FairQueue::Turn turn, Throttle::Attempt attempt)
        : gate_(&gate), who_(std::move(who)), turn_(std::move(turn)), attempt_(attempt) {}

    void succeeded() { gate_->throttle_.succeeded(who_.source, who_.login, attempt_); }

   private:
    LoginGate* gate_;
    Claimant who_;
    FairQueue::Turn turn_;
    Throttle::Attempt attempt_;
  };

  /// Waits as long as the throttle says.
  [[nodiscard]] net::Task<std::variant<Refusal, Pass>> admit(Claimant who);

  /// Where this login was proved before, its password may be looked at without a pass and at once; what came of it is to
  /// be told.
  [[nodiscard]] bool may_peek(const Claimant& who);
  void peeked(const Claimant& who, bool is_right);
  /// For what can be looked at only once: a wrong one is a failed attempt, too.
  void peeked_finally(const Claimant& who, bool is_right);

 private:
  net::Clock::duration patience_;
  Throttle throttle_;
  FairQueue delayed_;
  FairQueue turns_;
};

}  // namespace postern::auth
