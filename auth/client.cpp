#include "auth/client.h"

#include <fmt/format.h>

#include "auth/off_loop.h"
#include "net/log.h"

namespace postern::auth {

Credentials::Credentials(std::vector<frames::Credential>& from) {
  for (frames::Credential& credential : from) {
    entries_.push_back({std::move(credential.host), credential.port, std::move(credential.user),
                        secret_from(credential.password)});
  }
}

const Secret* Credentials::find(std::string_view host, std::uint16_t port,
                                std::string_view user) const {
  for (const Entry& entry : entries_) {
    if (entry.host == host && entry.port == port && entry.user == user) return &entry.password;
  }
  return nullptr;
}

Client::Client(net::Executor executor, net::Fd socket, const Credentials& credentials,
               net::asio::thread_pool& pool, ExchangeLimits limits)
    : channel_(executor, std::move(socket)),
      credentials_(credentials),
      pool_(pool),
      logins_(limits),
      nursery_(executor) {}

net::Task<> Client::serve() {
  nursery_.start(drop_idle());
  for (;;) {
    net::Result<frames::DeliveryToAuth> frame = co_await channel_.receive();
    if (!frame) break;
    take(*frame);
    co_await channel_.drained();
  }
  nursery_.cancel();
  co_await nursery_.join();
}

void Client::take(const frames::DeliveryToAuth& frame) {
  try {
    std::visit([this](const auto& any) { on(any); }, frame);
  } catch (const std::exception& error) {
    net::log_bug(error.what());  // ends this exchange only, when its time is up
  }
}

void Client::on(const frames::BeginClient& frame) {
  if (logins_.is_full()) return fail(frame.exchange, "too many logins at relayhosts are under way");
  const Secret* password = credentials_.find(frame.host, frame.port, frame.user);
  if (password == nullptr) {
    return fail(frame.exchange, fmt::format("no password is configured for {} at {}:{}", frame.user,
                                            frame.host, frame.port));
  }
  auto mechanism = choose_mechanism(frame.offered);
  if (!mechanism) {
    return fail(
        frame.exchange,
        fmt::format("the relayhost offers no mechanism that Postern knows: {}", frame.offered));
  }
  auto login = std::shared_ptr<Login>(
      new Login{std::move(*mechanism), ClientExchange(frame.host, frame.user, password->view())});
  logins_.put(frame.exchange, login);
  nursery_.start(step(frame.exchange, std::move(login), {}));
}

void Client::on(const frames::Answer& frame) {
  auto login = logins_.find(frame.exchange);
  if (!login || login->is_busy)
    return fail(frame.exchange, "the relayhost asks more than the mechanism allows");
  nursery_.start(step(frame.exchange, std::move(login), frame.bytes));
}

void Client::on(const frames::CancelLogin& frame) { logins_.remove(frame.exchange); }

net::Task<> Client::step(std::uint64_t id, std::shared_ptr<Login> login, std::string challenge) {
  const bool is_first = !std::exchange(login->has_begun, true);
  login->is_busy = true;
  auto work = [&exchange = login->exchange, &mechanism = login->mechanism, &challenge, is_first] {
    return is_first ? exchange.begin(mechanism) : exchange.answer(challenge);
  };
  ClientReply made = co_await off_loop(pool_, std::move(work));
  login->is_busy = false;
  if (!logins_.has(id, login)) co_return;  // cancelled meanwhile
  if (auto* gave_up = std::get_if<GaveUp>(&made)) {
    fail(id, std::move(gave_up->reason));
  } else {
    auto& reply = std::get<Reply>(made);
    if (reply.is_last) logins_.remove(id);
    channel_.send(frames::ClientStep{id, is_first ? login->mechanism : std::string(),
                                     std::move(reply.bytes)});
  }
}

net::Task<> Client::drop_idle() {
  for (;;) {
    co_await net::sleep_for(logins_.sweep_interval());
    for (const std::uint64_t id : logins_.remove_idle()) fail(id, "the relayhost took too long");
  }
}

void Client::fail(std::uint64_t id, std::string reason) {
  logins_.remove(id);
  channel_.send(frames::ClientFailed{id, std::move(reason)});
}

}  // namespace postern::auth
