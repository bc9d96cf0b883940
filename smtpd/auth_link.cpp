#include "smtpd/auth_link.h"

#include <utility>

#include "net/log.h"

namespace postern::smtpd {
namespace {

frames::AuthToSmtpd unavailable() {
  return frames::Verdict{0, frames::LoginResult::unavailable, {}, std::nullopt};
}

}  // namespace

AuthLink::AuthLink(net::Executor executor) : executor_(executor), listening_(executor) {}

void AuthLink::connect(net::Fd socket) {
  if (channel_) channel_->close();
  exchanges_.answer_all(unavailable());
  channel_ = std::make_shared<Channel>(executor_, std::move(socket));
  listening_.start(listen(channel_));
}

net::Task<> AuthLink::listen(std::shared_ptr<Channel> channel) {
  for (;;) {
    net::Result<frames::AuthToSmtpd> frame = co_await channel->receive();
    if (channel != channel_) co_return;  // renewed meanwhile
    if (!frame) break;
    const std::uint64_t exchange = std::visit([](const auto& any) { return any.exchange; }, *frame);
    exchanges_.answer(exchange, std::move(*frame));
  }
  net::log(net::Level::warning, "auth-lost", {});
  exchanges_.answer_all(unavailable());
}

LoginExchange::LoginExchange(AuthLink& auth, std::string mechanism,
                             std::optional<std::string> initial, mail::IpAddress client,
                             frames::ChannelBindings bindings)
    : mechanism_(std::move(mechanism)),
      question_(auth.exchanges_, ++auth.last_exchange_, auth.executor_),
      channel_(auth.channel_) {
  is_over_ = !channel_ || !channel_->is_open();
  if (is_over_) return;
  channel_->send(frames::BeginLogin{question_.number(), mechanism_, std::move(initial),
                                    std::move(client), std::move(bindings)});
}

LoginExchange::~LoginExchange() {
  if (!is_over_) channel_->send(frames::CancelLogin{question_.number()});
}

void LoginExchange::send(std::string answer) {
  if (!is_over_) channel_->send(frames::Answer{question_.number(), std::move(answer)});
}

net::Task<frames::AuthToSmtpd> LoginExchange::next(net::Clock::duration limit) {
  if (is_over_) co_return unavailable();
  std::optional<frames::AuthToSmtpd> answer = co_await question_.answer(limit);
  if (!answer) co_return unavailable();  // and auth is told to forget it
  is_over_ = std::holds_alternative<frames::Verdict>(*answer);
  co_return std::move(*answer);
}

}  // namespace postern::smtpd
