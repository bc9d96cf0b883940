// Where delivery gets the words to log in with: the auth role, which alone knows the passwords.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "net/channel.h"
#include "net/frames.h"
#include "net/task.h"

namespace postern::delivery {

class AuthDesk {
 public:
  explicit AuthDesk(net::Executor executor) : readers_(executor) {}

  /// From now on over this channel. Exchanges of the one before fail.
  void connect(net::Fd channel);

  /// Starts an exchange, and gives its first step. An error: the auth role is not there, or says nothing within `limit`.
  [[nodiscard]] net::Task<net::Result<frames::AuthToDelivery>> begin(frames::BeginClient begin,
                                                                     net::Clock::duration limit);
  /// Hands the server's challenge on.
  [[nodiscard]] net::Task<net::Result<frames::AuthToDelivery>> answer(frames::Answer answer,
                                                                      net::Clock::duration limit);
  /// Ends an exchange that gave a step last, whether the server was content or not.
  void end(std::uint64_t exchange);

  [[nodiscard]] std::uint64_t next_exchange() { return ++last_exchange_; }

  void close();
  [[nodiscard]] net::Task<> join() { return readers_.join(); }

 private:
  using Channel = net::Channel<frames::DeliveryToAuth, frames::AuthToDelivery>;

  struct Waiting {
    explicit Waiting(net::Executor executor) : arrived(executor) {}
    net::Timer arrived;  // cancelled at the answer
    std::optional<frames::AuthToDelivery> answer;
  };

  net::Task<> read(std::shared_ptr<Channel> channel);
  void take(frames::AuthToDelivery frame);
  void fail_all();
  net::Task<net::Result<frames::AuthToDelivery>> ask(std::uint64_t exchange,
                                                     frames::DeliveryToAuth frame,
                                                     net::Clock::duration limit);

  std::shared_ptr<Channel> channel_;
  std::map<std::uint64_t, std::shared_ptr<Waiting>> waiting_;
  std::uint64_t last_exchange_ = 0;
  net::Nursery readers_;
};

}  // namespace postern::delivery
