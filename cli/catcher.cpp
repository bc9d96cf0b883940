#include "catcher.h"

#include <fmt/format.h>

#include <cstdio>
#include <utility>

namespace postern::cli {
namespace {

namespace asio = net::asio;

constexpr auto idle_limit = std::chrono::minutes(5);  // RFC 5321, 4.5.3.2.7
constexpr auto crowded_pause =
    std::chrono::milliseconds(20);  // when there are too many sessions or descriptors
constexpr auto grace = std::chrono::seconds(1);

net::TcpAcceptor listen_on(const daemon::Endpoint& endpoint, net::Executor executor) {
  const asio::ip::tcp::endpoint address(endpoint.address, endpoint.port);
  net::TcpAcceptor acceptor(
      executor, address);  // sets SO_REUSEADDR, binds and listens, with the longest backlog
  const daemon::Endpoint bound{acceptor.local_endpoint().address(),
                               acceptor.local_endpoint().port()};
  fmt::print("listening on {}\n", bound.text());
  std::fflush(stdout);
  return acceptor;
}

}  // namespace

void Catcher::run() {
  acceptor_.start(accept(listen_on(options_.listen, loop_.get_executor())));
  signals_.async_wait([this](net::error_code error, int) {
    if (!error) end();
  });
  loop_.run();
}

/// Lets the loop run dry.
void Catcher::end() {
  if (std::exchange(is_ending_, true)) return;
  signals_.cancel();
  acceptor_.cancel();
  grace_.expires_after(grace);
  grace_.async_wait([this](net::error_code) { sessions_.cancel(); });
}

net::Task<> Catcher::accept(net::TcpAcceptor acceptor) {
  for (;;) {
    if (sessions_.size() >= max_catch_sessions) {
      co_await net::sleep_for(crowded_pause);
      continue;
    }
    auto [error, socket] = co_await acceptor.async_accept(net::as_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await net::sleep_for(crowded_pause);
      continue;
    }
    sessions_.start(serve(std::move(socket)));
  }
}

net::Task<> Catcher::serve(net::TcpSocket socket) {
  net::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  net::Stream stream(std::move(socket));
  CatchSession session(
      options_.limits, options_.tls != nullptr, options_.replies,
      [this](const CaughtMessage& message) { return !has_enough() && caught_.add(message); });
  const std::string greeting = session.greeting();
  stream.expires_after(idle_limit);
  net::Result<> result = co_await stream.write(greeting);
  while (result && !session.has_ended()) {
    result = co_await talk(stream, session);
    if (has_enough()) end();
  }
  stream.close();
  const bool is_last = sessions_.size() == 1;
  if (is_ending_ && is_last) grace_.cancel();
}

/// One turn: reads, deals with all that is there, writes all replies at once.
net::Task<net::Result<>> Catcher::talk(net::Stream& stream, CatchSession& session) {
  stream.expires_after(idle_limit);
  net::Result<> result = co_await stream.read_more();
  if (!result) co_return result;
  std::string out;
  stream.consume(session.take(stream.input(), out));
  if (!out.empty()) result = co_await stream.write(out);
  if (!result || !session.wants_tls()) co_return result;

  if (!stream.input().empty()) co_return make_error_code(boost::system::errc::protocol_error);
  result = co_await stream.accept_tls(options_.tls);
  session.on_tls();
  co_return result;
}

}  // namespace postern::cli
