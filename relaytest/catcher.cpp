#include "relaytest/catcher.h"

#include <utility>

namespace postern::relaytest {
namespace {

namespace asio = net::asio;

constexpr auto idle_limit = std::chrono::minutes(5);  // RFC 5321, 4.5.3.2.7
constexpr auto crowded_pause =
    std::chrono::milliseconds(20);  // when there are too many sessions or descriptors
constexpr auto grace = std::chrono::seconds(1);

}  // namespace

Catcher::Catcher(net::TcpAcceptor acceptor, Options options, CatchSession::Catch on_message)
    : acceptor_(std::move(acceptor)),
      options_(std::move(options)),
      on_message_(std::move(on_message)) {}

void Catcher::start() { accepting_.start(accept()); }

net::Task<> Catcher::stop() {
  accepting_.cancel();
  net::Timer patience(sessions_.executor(), grace);
  patience.async_wait([this](net::error_code error) {
    if (!error) sessions_.cancel();
  });
  co_await sessions_.join();
  co_await accepting_.join();
}

net::Task<> Catcher::accept() {
  for (;;) {
    if (sessions_.size() >= options_.sessions) {
      co_await net::sleep_for(crowded_pause);
      continue;
    }
    auto [error, socket] = co_await acceptor_.async_accept(net::as_result);
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
  const auto peer = socket.remote_endpoint(ignored).address();
  net::Stream stream(std::move(socket));
  const auto on_message = [&](CaughtMessage message) {
    message.peer = peer;
    return on_message_(message);
  };
  CatchSession session(options_.limits, options_.tls != nullptr, options_.replies, on_message,
                       options_.manner);
  const std::string greeting = session.greeting();
  stream.expires_after(idle_limit);
  net::Result<> result = co_await stream.write(greeting);
  while (result && !session.has_ended()) result = co_await talk(stream, session);
  stream.close();
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

}  // namespace postern::relaytest
