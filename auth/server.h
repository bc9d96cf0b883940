// Serves one smtpd: runs the logins of its clients (frames: SmtpdToAuth, AuthToSmtpd).
//
// Every exchange gets one Verdict, unless it is cancelled. What smtpd may do wrong costs it that exchange only: an
// Answer to an exchange that is unknown, or that awaits none, is refused. What is wrong on our side is `unavailable`,
// never a refusal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "auth/exchanges.h"
#include "auth/password_checker.h"
#include "auth/server_exchange.h"
#include "auth/user_store.h"
#include "net/channel.h"
#include "net/frames.h"

namespace postern::auth {

/// What logins are run with; changes on reload, and counts from the next exchange on.
struct LoginSettings {
  std::string hostname;
  std::string domain;                   // of the address of a login that is written without one
  std::vector<std::string> mechanisms;  // only these
  std::unique_ptr<UserStore> users;
};

class Server {
 public:
  /// `settings`, `gate` and `checker` outlive it.
  Server(net::Executor executor, net::Fd socket, const LoginSettings& settings, LoginGate& gate,
         PasswordChecker& checker, ExchangeLimits limits = {});

  /// Until the channel ends. To be started once, and never cancelled: `close` ends it.
  [[nodiscard]] net::Task<> serve();
  void close() { channel_.close(); }

 private:
  struct Login {
    std::shared_ptr<const UserTable> users;  // as they were when it began
    std::string source;
    std::unique_ptr<ServerExchange> exchange;  // null: it is being checked whether the client may
  };

  void take(const frames::SmtpdToAuth& frame);
  void on(const frames::BeginLogin& frame);
  void on(const frames::Answer& frame);
  void on(const frames::CancelLogin& frame);

  void act(std::uint64_t id, ServerStep step);
  void accept(std::uint64_t id, const Login& login, const std::string& name,
              std::optional<std::string> last = std::nullopt);
  [[nodiscard]] net::Task<> check(std::uint64_t id, std::shared_ptr<Login> login, Claimed claimed);
  [[nodiscard]] net::Task<> prove(std::uint64_t id, std::shared_ptr<Login> login,
                                  std::unique_ptr<ServerExchange> exchange, Secret proof);
  [[nodiscard]] net::Task<> drop_idle();
  void end(frames::Verdict verdict);
  bool is_offered(const std::string& mechanism) const;

  net::Channel<frames::AuthToSmtpd, frames::SmtpdToAuth> channel_;
  const LoginSettings& settings_;
  LoginGate& gate_;
  PasswordChecker& checker_;
  Exchanges<Login> logins_;
  net::Nursery nursery_;
};

}  // namespace postern::auth
