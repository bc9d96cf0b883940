#include "auth/login_gate.h"

#include <tuple>

namespace postern::auth {

net::Task<std::variant<LoginGate::Refusal, LoginGate::Pass>> LoginGate::admit(Claimant who) {
  using Turn = FairQueue::Turn;
  std::optional<Turn> turn = co_await turns_.take(who.source);
  if (!turn) co_return Refusal::crowded;
  std::optional<Turn> delay;
  if (throttle_.wait(who.source, who.login, net::Clock::now()) > net::Clock::duration::zero()) {
    std::optional<Turn> place = co_await delayed_.take(who.source);
    if (!place) co_return Refusal::throttled;
    delay.emplace(std::move(*place));
  }
  const std::optional<Throttle::Attempt> attempt =
      throttle_.admit(who.source, who.login, net::Clock::now(), patience_);
  if (!attempt) co_return Refusal::throttled;
  if (delay) co_await net::sleep_for(attempt->wait);
  co_return Pass(*this, std::move(who), std::move(*turn), *attempt);
}

bool LoginGate::may_peek(const Claimant& who) {
  return throttle_.may_peek(who.source, who.login, net::Clock::now());
}

void LoginGate::peeked(const Claimant& who, bool is_right) {
  if (is_right) {
    throttle_.peeked_right(who.source, who.login);
  } else {
    throttle_.peeked_wrong(who.source, who.login, net::Clock::now());
  }
}

void LoginGate::peeked_finally(const Claimant& who, bool is_right) {
  peeked(who, is_right);
  if (!is_right) std::ignore = throttle_.admit(who.source, who.login, net::Clock::now(), patience_);
}

}  // namespace postern::auth
