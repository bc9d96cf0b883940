// The other end of a channel to auth: sends frames, and runs the loop until an answer is there.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <deque>
#include <optional>

#include "net/channel.h"
#include "net/frames.h"

namespace postern::auth {

/// `Out` is what the tested side receives, `In` what it sends.
template <class Out, class In>
class Peer {
 public:
  Peer(net::asio::io_context& loop, net::Fd socket)
      : loop_(loop),
        channel_(loop.get_executor(), std::move(socket)),
        nursery_(loop.get_executor()) {
    nursery_.start(collect());
  }
  ~Peer() {
    close();
    loop_.restart();
    while (nursery_.size() > 0 && loop_.run_one_for(limit) > 0) {
    }
  }

  void send(Out frame) { channel_.send(std::move(frame)); }

  /// The next frame; a failed test, if none comes.
  In next() {
    const auto deadline = net::Clock::now() + limit;
    while (received_.empty() && net::Clock::now() < deadline) loop_.run_one_for(limit);
    if (received_.empty()) throw std::runtime_error("no frame came");
    In frame = std::move(received_.front());
    received_.pop_front();
    return frame;
  }
  template <class T>
  T next_as() {
    return std::get<T>(next());
  }

  /// Whether nothing more came than was taken by `next`.
  bool is_quiet() const { return received_.empty(); }
  void close() { channel_.close(); }

 private:
  static constexpr auto limit = std::chrono::seconds(20);

  net::Task<> collect() {
    for (;;) {
      net::Result<In> frame = co_await channel_.receive();
      if (!frame) co_return;
      received_.push_back(std::move(*frame));
    }
  }

  net::asio::io_context& loop_;
  net::Channel<Out, In> channel_;
  net::Nursery nursery_;
  std::deque<In> received_;
};

using SmtpdPeer = Peer<frames::SmtpdToAuth, frames::AuthToSmtpd>;
using DeliveryPeer = Peer<frames::DeliveryToAuth, frames::AuthToDelivery>;

}  // namespace postern::auth
