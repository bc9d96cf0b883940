#include "auth/server.h"

#include <algorithm>

#include "auth/secret.h"
#include "auth/source.h"
#include "net/log.h"

namespace postern::auth {
namespace {

frames::LoginResult result_of(LoginGate::Refusal refusal) {
  return refusal == LoginGate::Refusal::throttled ? frames::LoginResult::throttled
                                                  : frames::LoginResult::unavailable;
}

frames::LoginResult result_of(PasswordCheck check) {
  switch (check) {
    case PasswordCheck::right:
      return frames::LoginResult::accepted;
    case PasswordCheck::wrong:
      return frames::LoginResult::refused;
    case PasswordCheck::throttled:
      return frames::LoginResult::throttled;
    case PasswordCheck::overloaded:
      break;
  }
  return frames::LoginResult::unavailable;
}

void wipe_secrets(frames::SmtpdToAuth& frame) {
  if (auto* begin = std::get_if<frames::BeginLogin>(&frame); begin != nullptr && begin->initial)
    wipe(*begin->initial);
  if (auto* answer = std::get_if<frames::Answer>(&frame)) wipe(answer->bytes);
}

}  // namespace

Server::Server(net::Executor executor, net::Fd socket, const LoginSettings& settings,
               LoginGate& gate, PasswordChecker& checker, ExchangeLimits limits)
    : channel_(executor, std::move(socket)),
      settings_(settings),
      gate_(gate),
      checker_(checker),
      logins_(limits),
      nursery_(executor) {}

net::Task<> Server::serve() {
  nursery_.start(drop_idle());
  for (;;) {
    net::Result<frames::SmtpdToAuth> frame = co_await channel_.receive();
    if (!frame) break;
    take(*frame);
    wipe_secrets(*frame);
    co_await channel_.drained();
  }
  nursery_.cancel();
  co_await nursery_.join();
}

void Server::take(const frames::SmtpdToAuth& frame) {
  try {
    std::visit([this](const auto& any) { on(any); }, frame);
  } catch (const std::exception& error) {
    net::log_bug(error.what());  // ends this exchange only, when its time is up
  }
}

void Server::on(const frames::BeginLogin& frame) {
  if (!is_offered(frame.mechanism)) return end({frame.exchange, frames::LoginResult::malformed});
  auto users = settings_.users->current();
  std::string source = source_of(frame.client);
  const auto is_of_source = [&](const Login& login) { return login.source == source; };
  if (!users || logins_.is_full() || logins_.is_full_of(is_of_source))
    return end({frame.exchange, frames::LoginResult::unavailable});
  Login& login = logins_.put(frame.exchange, std::make_shared<Login>());
  login.source = std::move(source);
  BindingOffer offer{frame.bindings, is_offered(std::string(plus_mechanism))};
  login.exchange = std::make_unique<ServerExchange>(settings_.hostname, users, std::move(offer));
  login.users = std::move(users);
  act(frame.exchange, login.exchange->begin(frame.mechanism, frame.initial));
}

void Server::on(const frames::Answer& frame) {
  const auto login = logins_.find(frame.exchange);
  if (!login || !login->exchange) return end({frame.exchange, frames::LoginResult::refused});
  if (login->exchange->login_to_prove() != nullptr) {
    nursery_.start(prove(frame.exchange, login, std::move(login->exchange), Secret(frame.bytes)));
  } else {
    act(frame.exchange, login->exchange->answer(frame.bytes));
  }
}

void Server::on(const frames::CancelLogin& frame) { logins_.remove(frame.exchange); }

void Server::act(std::uint64_t id, ServerStep step) {
  if (auto* ask = std::get_if<Ask>(&step)) {
    channel_.send(frames::Challenge{id, std::move(ask->bytes)});
  } else if (auto* proved = std::get_if<Proved>(&step)) {
    accept(id, *logins_.find(id), proved->login, std::move(proved->last));
  } else if (auto* claimed = std::get_if<Claimed>(&step)) {
    auto login = logins_.find(id);
    login->exchange.reset();
    nursery_.start(check(id, std::move(login), std::move(*claimed)));
  } else {
    end({id, std::get<Ended>(step).result});
  }
}

net::Task<> Server::check(std::uint64_t id, std::shared_ptr<Login> login, Claimed claimed) {
  const std::string name = claimed.login;
  Claimant who{login->source, name};
  const PasswordCheck check = co_await checker_.check(std::move(who), std::move(claimed.account),
                                                      std::move(claimed.password));
  if (!logins_.has(id, login)) co_return;  // cancelled meanwhile
  const frames::LoginResult result = result_of(check);
  if (result == frames::LoginResult::accepted) {
    accept(id, *login, name);
    co_return;
  }
  end({id, result});
}

// SCRAM derives nothing on our side, but is guessing all the same.
net::Task<> Server::prove(std::uint64_t id, std::shared_ptr<Login> login,
                          std::unique_ptr<ServerExchange> exchange, Secret proof) {
  const Claimant who{login->source, *exchange->login_to_prove()};
  std::optional<LoginGate::Pass> pass;
  if (!gate_.may_peek(who)) {
    auto admission = co_await gate_.admit(who);
    if (!logins_.has(id, login)) co_return;  // cancelled meanwhile
    if (const auto* refusal = std::get_if<LoginGate::Refusal>(&admission)) {
      end({id, result_of(*refusal)});
      co_return;
    }
    pass.emplace(std::move(std::get<LoginGate::Pass>(admission)));
  }
  ServerStep step = exchange->answer(std::string(proof.view()));
  const bool is_right = std::holds_alternative<Proved>(step);
  if (!pass) gate_.peeked_finally(who, is_right);
  if (pass && is_right) pass->succeeded();
  if (logins_.has(id, login)) act(id, std::move(step));
}

void Server::accept(std::uint64_t id, const Login& login, const std::string& name,
                    std::optional<std::string> last) {
  const User& user = login.users->users().at(name);
  end({id, frames::LoginResult::accepted, user.identity(settings_.domain), std::move(last)});
}

net::Task<> Server::drop_idle() {
  for (;;) {
    co_await net::sleep_for(logins_.sweep_interval());
    for (const std::uint64_t id : logins_.remove_idle()) {
      channel_.send(frames::Verdict{id, frames::LoginResult::unavailable});
    }
  }
}

void Server::end(frames::Verdict verdict) {
  logins_.remove(verdict.exchange);
  channel_.send(std::move(verdict));
}

bool Server::is_offered(const std::string& mechanism) const {
  return std::find(settings_.mechanisms.begin(), settings_.mechanisms.end(), mechanism) !=
         settings_.mechanisms.end();
}

}  // namespace postern::auth
