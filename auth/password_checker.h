// Checks passwords against verifiers. A check costs tens of milliseconds by design, so it is done by a few threads
// beside the loop, at most one a core, and only so many may wait: who comes then is told to come back.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <string>

#include "auth/proven_logins.h"
#include "auth/secret.h"
#include "auth/user_table.h"
#include "net/task.h"

namespace postern::auth {

/// Checks that run or wait at a time, of all clients together: with two cores and the default iterations about 3 s of
/// work.
inline constexpr std::size_t max_checks = 200;

enum class PasswordCheck { right, wrong, overloaded };

class PasswordChecker {
 public:
  /// `pool` outlives it.
  explicit PasswordChecker(net::asio::thread_pool& pool, std::size_t limit = max_checks)
      : pool_(pool), limit_(limit) {}

  /// Always the same work for a wrong password, whether the account is real or made up.
  [[nodiscard]] net::Task<PasswordCheck> check(std::string name, Account account, Secret password);

  std::size_t running() const { return running_; }

 private:
  net::asio::thread_pool& pool_;
  std::size_t limit_;
  std::size_t running_ = 0;
  ProvenLogins proven_;
};

}  // namespace postern::auth
