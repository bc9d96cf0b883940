// The smtpd role: takes connections in, as long as there is room, and ends in an orderly way.
#pragma once

#include <memory>
#include <optional>

#include "net/frames.h"
#include "net/stream.h"
#include "net/task.h"
#include "smtpd/connection.h"
#include "smtpd/seats.h"

namespace postern::smtpd {

/// The role that net::RoleLoop runs.
class Server {
 public:
  using Incoming = frames::ToSmtpd;

  static constexpr net::Clock::duration max_drain = std::chrono::seconds(7);
  static constexpr net::Clock::duration breather =
      std::chrono::milliseconds(100);          // out of descriptors or memory
  static constexpr int max_turned_away = 100;  // clients, before it takes breath
  static constexpr net::Clock::duration others_turn =
      std::chrono::milliseconds(1);  // for another process to accept; then we do

  explicit Server(net::Executor executor, Patience patience = {});

  /// Serves the new listeners in place of the old ones. Sessions that have begun go on as they began. Nobody is let in
  /// before the queue has said whether it takes messages. A bad certificate: cannot start, or, when there is a good one from
  /// before, is logged and not taken.
  [[nodiscard]] net::Task<std::optional<frames::CannotStart>> configure(
      frames::SmtpdSettings settings);

  void connect(frames::Peer peer);

  /// Ends each session as soon as it is between transactions, and all after `max_drain`.
  [[nodiscard]] net::Task<> drain();

 private:
  std::optional<frames::CannotStart> load_certificate(const frames::SmtpdSettings& settings);
  net::Task<> accept_at(net::Fd socket, std::shared_ptr<const Door> door);
  void turn_away_waiting(net::TcpAcceptor& acceptor, const Door& door);
  void let_in(net::TcpSocket socket, mail::IpAddress client, std::shared_ptr<const Door> door);
  void turn_away(net::TcpSocket socket, const mail::IpAddress& client, const Door& door,
                 const mail::Reply& reply);

  net::Executor executor_;
  Patience patience_;
  std::shared_ptr<Services> services_;  // from the first configuration on
  std::shared_ptr<Seats> seats_;        // likewise
  net::Fd spare_;  // given up where descriptors run out, so that clients can be told
  net::SslContext tls_;
  std::uint32_t instance_ = 0;
  std::uint64_t last_session_ = 0;
  net::Clock::time_point next_turned_away_line_{};
  std::uint64_t turned_away_ = 0;  // not in the log yet
  net::Nursery doors_;
  net::Nursery sessions_;
};

}  // namespace postern::smtpd
