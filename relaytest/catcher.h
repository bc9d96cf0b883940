// An SMTP server that takes everything and forwards nothing: the listening side of the relay tester, and what `postern catch`
// runs. Accepts connections, and runs a CatchSession on each.
#pragma once

#include <functional>

#include "net/stream.h"
#include "relaytest/catch_session.h"

namespace postern::relaytest {

class Catcher {
 public:
  struct Options {
    net::SslContext tls;  // null: STARTTLS is not offered
    CatchLimits limits;
    ScriptedReplies replies;
    CatchManner manner{};
    std::size_t sessions = 2000;  // at a time; more clients wait in the kernel's queue
  };

  /// `acceptor` listens already. `on_message` is told of each message; false: it is not taken, and the client hears so.
  Catcher(net::TcpAcceptor acceptor, Options options, CatchSession::Catch on_message);

  /// Serves, on the acceptor's executor, until `stop`.
  void start();

  /// Takes no new clients; those that are connected get a second to say QUIT. Returns when all have gone.
  [[nodiscard]] net::Task<> stop();

 private:
  net::Task<> accept();
  net::Task<> serve(net::TcpSocket socket);
  net::Task<net::Result<>> talk(net::Stream& stream, CatchSession& session);

  net::TcpAcceptor acceptor_;
  Options options_;
  CatchSession::Catch on_message_;
  net::Nursery accepting_{acceptor_.get_executor()};
  net::Nursery sessions_{acceptor_.get_executor()};
};

}  // namespace postern::relaytest
