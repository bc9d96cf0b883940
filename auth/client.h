// Serves delivery: logs in at relayhosts (frames: DeliveryToAuth, AuthToDelivery). The password of a relayhost is
// used for its host, its port and its user, and for nothing else; delivery never sees it but inside a mechanism's
// message.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <string>
#include <vector>

#include "auth/client_exchange.h"
#include "auth/exchanges.h"
#include "net/channel.h"
#include "net/frames.h"

namespace postern::auth {

/// The passwords of the relayhosts.
class Credentials {
 public:
  Credentials() = default;
  /// Takes the passwords, and wipes where they were.
  explicit Credentials(std::vector<frames::Credential>& from);

  /// Null: there is none for just this place.
  const Secret* find(std::string_view host, std::uint16_t port, std::string_view user) const;

 private:
  struct Entry {
    std::string host;
    std::uint16_t port;
    std::string user;
    Secret password;
  };
  std::vector<Entry> entries_;
};

class Client {
 public:
  /// `credentials` and `pool` outlive it; what `credentials` hold may change at any time.
  Client(net::Executor executor, net::Fd socket, const Credentials& credentials,
         net::asio::thread_pool& pool, ExchangeLimits limits = {});

  /// Until the channel ends. To be started once, and never cancelled: `close` ends it.
  [[nodiscard]] net::Task<> serve();
  void close() { channel_.close(); }

 private:
  struct Login {
    std::string mechanism;
    ClientExchange exchange;
    bool has_begun = false;
    bool is_busy = false;  // a step is being made
  };

  void take(const frames::DeliveryToAuth& frame);
  void on(const frames::BeginClient& frame);
  void on(const frames::Answer& frame);
  void on(const frames::CancelLogin& frame);

  [[nodiscard]] net::Task<> step(std::uint64_t id, std::shared_ptr<Login> login,
                                 std::string challenge);
  [[nodiscard]] net::Task<> drop_idle();
  void fail(std::uint64_t id, std::string reason);

  net::Channel<frames::AuthToDelivery, frames::DeliveryToAuth> channel_;
  const Credentials& credentials_;
  net::asio::thread_pool& pool_;
  Exchanges<Login> logins_;
  net::Nursery nursery_;
};

}  // namespace postern::auth
