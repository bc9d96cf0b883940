#include "auth/password_checker.h"

#include "auth/off_loop.h"

namespace postern::auth {

net::Task<PasswordCheck> PasswordChecker::check(std::string name, Account account,
                                                Secret password) {
  if (proven_.knows(name, account.verifier, password.view())) co_return PasswordCheck::right;
  if (running_ >= limit_) co_return PasswordCheck::overloaded;
  ++running_;
  auto compare = [&verifier = account.verifier, &password] {
    return verifier.matches(password.view());
  };
  const bool is_match = co_await off_loop(pool_, std::move(compare));
  --running_;
  if (!is_match || !account.is_real) co_return PasswordCheck::wrong;
  proven_.remember(name, account.verifier, password.view());
  co_return PasswordCheck::right;
}

}  // namespace postern::auth
