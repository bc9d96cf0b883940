#include "auth/password_checker.h"

#include "auth/off_loop.h"

namespace postern::auth {

// No source has more attempts under way than the gate lets pass, so none is turned away here.
PasswordChecker::PasswordChecker(net::asio::thread_pool& pool, LoginGate& gate, std::size_t checks)
    : pool_(pool), gate_(gate), turns_({checks, checks, std::numeric_limits<std::size_t>::max()}) {}

net::Task<PasswordCheck> PasswordChecker::check(Claimant who, Account account, Secret password) {
  const bool is_proven = proven_.knows(who.login, account.verifier, password.view());
  if (gate_.may_peek(who)) {
    gate_.peeked(who, is_proven);
    if (is_proven) co_return PasswordCheck::right;
  }
  auto admission = co_await gate_.admit(who);
  if (const auto* refusal = std::get_if<LoginGate::Refusal>(&admission)) {
    co_return *refusal == LoginGate::Refusal::throttled ? PasswordCheck::throttled
                                                        : PasswordCheck::overloaded;
  }
  // It may have been proved while this one waited: a phone opens four connections at once.
  bool is_right = proven_.knows(who.login, account.verifier, password.view());
  if (!is_right) is_right = co_await derive(who, account, password);
  if (!is_right) co_return PasswordCheck::wrong;
  std::get<LoginGate::Pass>(admission).succeeded();
  co_return PasswordCheck::right;
}

net::Task<bool> PasswordChecker::derive(const Claimant& who, const Account& account,
                                        const Secret& password) {
  const std::optional<FairQueue::Turn> turn = co_await turns_.take(who.source);
  if (!turn) co_return false;  // cancelled
  auto compare = [&account, &password] { return account.verifier.matches(password.view()); };
  const bool is_match = co_await off_loop(pool_, std::move(compare));
  const bool is_right = is_match && account.is_real;
  if (is_right) proven_.remember(who.login, account.verifier, password.view());
  co_return is_right;
}

}  // namespace postern::auth
