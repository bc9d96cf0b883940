#include "delivery/auth_desk.h"

namespace postern::delivery {

void AuthDesk::connect(net::Fd channel) {
  close();
  channel_ = std::make_shared<Channel>(readers_.executor(), std::move(channel));
  readers_.start(read(channel_));
}

void AuthDesk::close() {
  if (channel_) channel_->close();
  channel_.reset();
  fail_all();
}

net::Task<> AuthDesk::read(std::shared_ptr<Channel> channel) {
  for (;;) {
    net::Result<frames::AuthToDelivery> frame = co_await channel->receive();
    if (!frame) break;
    take(std::move(*frame));
  }
  if (channel == channel_) close();
}

void AuthDesk::take(frames::AuthToDelivery frame) {
  const auto exchange = std::visit([](const auto& any) { return any.exchange; }, frame);
  auto waiting = waiting_.find(exchange);
  if (waiting == waiting_.end()) return;  // whoever asked has gone meanwhile
  waiting->second->answer = std::move(frame);
  waiting->second->arrived.cancel();
  waiting_.erase(waiting);
}

void AuthDesk::fail_all() {
  for (auto& [exchange, waiting] : waiting_) waiting->arrived.cancel();
  waiting_.clear();
}

net::Task<net::Result<frames::AuthToDelivery>> AuthDesk::begin(frames::BeginClient begin,
                                                               net::Clock::duration limit) {
  const std::uint64_t exchange = begin.exchange;
  return ask(exchange, std::move(begin), limit);
}

net::Task<net::Result<frames::AuthToDelivery>> AuthDesk::answer(frames::Answer answer,
                                                                net::Clock::duration limit) {
  const std::uint64_t exchange = answer.exchange;
  return ask(exchange, std::move(answer), limit);
}

void AuthDesk::end(std::uint64_t exchange) {
  if (channel_) channel_->send(frames::CancelLogin{exchange});
}

net::Task<net::Result<frames::AuthToDelivery>> AuthDesk::ask(std::uint64_t exchange,
                                                             frames::DeliveryToAuth frame,
                                                             net::Clock::duration limit) {
  if (!channel_) co_return net::asio::error::not_connected;
  auto waiting = std::make_shared<Waiting>(readers_.executor());
  waiting->arrived.expires_after(limit);
  waiting_[exchange] = waiting;
  channel_->send(std::move(frame));
  co_await waiting->arrived.async_wait(net::as_result);
  waiting_.erase(exchange);
  if (!waiting->answer) co_return net::asio::error::timed_out;
  co_return std::move(*waiting->answer);
}

}  // namespace postern::delivery
