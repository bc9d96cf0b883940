// The way to the auth role, over a channel that is renewed whenever it was restarted.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/channel.h"
#include "net/frames.h"
#include "net/task.h"
#include "smtpd/questions.h"

namespace postern::smtpd {

class AuthLink {
 public:
  explicit AuthLink(net::Executor executor);
  AuthLink(const AuthLink&) = delete;
  AuthLink& operator=(const AuthLink&) = delete;

  /// A new channel. The one before it has ended: the exchanges there are answered with `unavailable`.
  void connect(net::Fd socket);

 private:
  friend class LoginExchange;
  using Channel = net::Channel<frames::SmtpdToAuth, frames::AuthToSmtpd>;

  net::Task<> listen(std::shared_ptr<Channel> channel);

  net::Executor executor_;
  std::shared_ptr<Channel> channel_;
  Questions<frames::AuthToSmtpd> exchanges_;
  std::uint64_t last_exchange_ = 0;
  net::Nursery listening_;
};

/// One AUTH command; withdrawn if it goes before its verdict.
class LoginExchange {
 public:
  LoginExchange(AuthLink& auth, std::string mechanism, std::optional<std::string> initial,
                mail::IpAddress client, frames::ChannelBindings bindings);
  LoginExchange(const LoginExchange&) = delete;
  LoginExchange& operator=(const LoginExchange&) = delete;
  ~LoginExchange();

  void send(std::string answer);

  /// What auth says next. Where it says nothing within `limit`, or is gone: the verdict `unavailable`.
  [[nodiscard]] net::Task<frames::AuthToSmtpd> next(net::Clock::duration limit);

  const std::string& mechanism() const { return mechanism_; }

 private:
  std::string mechanism_;  // for the log
  Questions<frames::AuthToSmtpd>::Question question_;
  std::shared_ptr<AuthLink::Channel> channel_;
  bool is_over_ = false;
};

}  // namespace postern::smtpd
