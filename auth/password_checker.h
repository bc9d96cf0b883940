// Checks passwords against verifiers. A check costs tens of milliseconds by design, so it is done by a few threads
// beside the loop, as many at a time as there are cores, and the sources of the attempts take turns at them: whoever
// guesses keeps others waiting for one check, not for all of his.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <string>

#include "auth/fair_queue.h"
#include "auth/login_gate.h"
#include "auth/proven_logins.h"
#include "auth/secret.h"
#include "auth/user_table.h"
#include "net/task.h"

namespace postern::auth {

enum class PasswordCheck {
  right,
  wrong,
  throttled,  // too many failures: the password was not looked at
  overloaded,
};

class PasswordChecker {
 public:
  /// `pool` and `gate` outlive it. `checks`: that run at a time.
  PasswordChecker(net::asio::thread_pool& pool, LoginGate& gate, std::size_t checks);

  /// Always the same work for a wrong password, whether the account is real or made up.
  [[nodiscard]] net::Task<PasswordCheck> check(Claimant who, Account account, Secret password);

  std::size_t running() const { return turns_.taken(); }

 private:
  [[nodiscard]] net::Task<bool> derive(const Claimant& who, const Account& account,
                                       const Secret& password);

  net::asio::thread_pool& pool_;
  LoginGate& gate_;
  FairQueue turns_;
  ProvenLogins proven_;
};

}  // namespace postern::auth
