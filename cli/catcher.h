// The server behind `postern catch`: accepts connections, runs a CatchSession on each, and ends when it has enough.
#pragma once

#include <signal.h>

#include <boost/asio/signal_set.hpp>
#include <cstdint>

#include "catch_session.h"
#include "caught_mail.h"
#include "daemon/endpoint.h"
#include "net/stream.h"

namespace postern::cli {

inline constexpr std::size_t max_catch_sessions =
    2000;  // at a time; more wait in the kernel's queue

class Catcher {
 public:
  struct Options {
    daemon::Endpoint listen;
    std::uint64_t count = 0;  // messages to catch before it ends; 0: until a signal
    net::SslContext tls;      // null: STARTTLS is not offered
    CatchLimits limits;
    ScriptedReplies replies;
  };

  Catcher(Options options, CaughtMail& caught) : options_(std::move(options)), caught_(caught) {}

  /// Listens, says so on standard output (with the port that was chosen for port 0), and serves until `count`, SIGINT or
  /// SIGTERM; clients that are connected then get a second to say QUIT. Throws boost::system::system_error where it cannot listen.
  void run();

 private:
  net::Task<> accept(net::TcpAcceptor acceptor);
  net::Task<> serve(net::TcpSocket socket);
  net::Task<net::Result<>> talk(net::Stream& stream, CatchSession& session);
  void end();
  bool has_enough() const { return options_.count > 0 && caught_.count() >= options_.count; }

  Options options_;
  CaughtMail& caught_;
  net::asio::io_context loop_{1};
  net::Nursery acceptor_{loop_.get_executor()};
  net::Nursery sessions_{loop_.get_executor()};
  net::Timer grace_{loop_.get_executor()};
  bool is_ending_ = false;
  net::asio::basic_signal_set<net::Executor> signals_{loop_.get_executor(), SIGINT, SIGTERM};
};

}  // namespace postern::cli
