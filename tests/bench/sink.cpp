// bench_sink: the next hop of the load. Takes every message and throws it away.
//
// It is led through its standard input: each line is a number of messages; as soon as so many have come since the
// answer before, it prints one line of JSON. It ends with its input.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>

#include "net/stream.h"
#include "usage.h"

namespace postern::bench {
namespace {

using net::Result;
using net::Task;
using namespace std::chrono_literals;

constexpr std::size_t max_line = 2048;  // of a command, and of what the runner says
constexpr auto idle_limit = 10min;
constexpr int backlog = 4096;

/// What has come since the last answer.
class Tally {
 public:
  Tally(net::Executor executor, bool has_times)
      : changed_(executor, net::Clock::time_point::max()), has_times_(has_times) {}

  bool has_times() const { return has_times_; }

  /// `number`: which one, where arrival times are asked for.
  void add_message(std::size_t number) {
    last_ = now_seconds();
    if (messages_ == 0) first_ = last_;
    if (has_times_) times_ += fmt::format("{}[{}, {:.6f}]", messages_ ? ", " : "", number, last_);
    if (++messages_ == awaited_) changed_.cancel();
  }
  void add_connection() { ++connections_; }

  Task<> wait_for(std::size_t messages) {
    awaited_ = messages;
    while (messages_ < awaited_) co_await changed_.async_wait(net::as_result);
  }

  /// The answer; begins again at nothing.
  std::string take() {
    const double cpu = cpu_seconds();
    std::string text =
        fmt::format(R"({{"messages": {}, "connections": {}, "begin": {:.6f}, "end": {:.6f}, )"
                    R"("cpu": {:.3f}, "times": [{}]}})",
                    messages_, connections_, first_, last_, cpu - cpu_before_, times_);
    messages_ = connections_ = 0;
    times_.clear();
    cpu_before_ = cpu;
    return text;
  }

 private:
  net::Timer changed_;
  const bool has_times_;
  std::string times_;  // of arrivals, as JSON
  std::size_t messages_ = 0;
  std::size_t connections_ = 0;
  std::size_t awaited_ = 0;
  double first_ = 0;
  double last_ = 0;
  double cpu_before_ = 0;
};

/// The recipient's local part, if that is a number; else 0.
std::size_t number_in(std::string_view rcpt) {
  std::size_t number = 0;
  const std::size_t begin = rcpt.find('<');
  if (begin != std::string_view::npos) {
    std::from_chars(rcpt.data() + begin + 1, rcpt.data() + rcpt.size(), number);
  }
  return number;
}

/// Reads and forgets content up to its final dot (RFC 5321, 4.1.1.4).
Task<Result<>> skip_content(net::Stream& stream) {
  constexpr std::string_view end = "\r\n.\r\n";
  for (;;) {
    const std::string_view input = stream.input();
    const std::size_t at = input.find(end);
    if (at != std::string_view::npos) {
      stream.consume(at + end.size());
      co_return Result<>();
    }
    if (input.size() >= end.size()) stream.consume(input.size() - end.size() + 1);
    Result<> more = co_await stream.read_more();
    if (!more) co_return more;
  }
}

std::string_view reply_to(std::string_view command) {
  switch (command.empty() ? '\0' : command[0] & ~0x20) {
    case 'E':
      return "250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
             "250 SIZE 104857600\r\n";
    case 'D':
      return "354 go ahead\r\n";
    case 'Q':
      return "221 2.0.0 bye\r\n";
    default:
      return "250 2.0.0 ok\r\n";
  }
}

/// Replies are kept until the client waits for one, so a pipelined group is answered in one write.
Task<> serve(net::TcpSocket socket, Tally& tally) {
  net::Stream stream(std::move(socket));
  std::string replies = "220 sink.example ESMTP\r\n";
  std::size_t number = 0;
  for (;;) {
    stream.expires_after(idle_limit);
    if (stream.input().find('\n') == std::string_view::npos && !replies.empty()) {
      Result<> written = co_await stream.write(replies);
      if (!written) co_return;
      replies.clear();
    }
    Result<std::string> command = co_await stream.read_line(max_line);
    if (!command) co_return;
    const std::string_view reply = reply_to(*command);
    replies += reply;
    if (tally.has_times() && (*command)[0] == 'R') number = number_in(*command);
    if (reply[0] == '3') {
      Result<> go_ahead = co_await stream.write(replies);
      if (!go_ahead) co_return;
      Result<> skipped = co_await skip_content(stream);
      if (!skipped) co_return;
      tally.add_message(number);
      replies = "250 2.0.0 taken\r\n";
    } else if (reply.starts_with("221")) {
      Result<> written = co_await stream.write(replies);
      if (written) stream.close();
      co_return;
    }
  }
}

Task<> accept_all(net::TcpAcceptor acceptor, net::Nursery& nursery, Tally& tally) {
  for (;;) {
    auto [error, socket] = co_await acceptor.async_accept(net::as_result);
    if (error) continue;
    net::error_code ignored;
    socket.set_option(net::asio::ip::tcp::no_delay(true), ignored);
    tally.add_connection();
    nursery.start(serve(std::move(socket), tally));
  }
}

Task<> obey_input(net::asio::io_context& loop, Tally& tally) {
  net::asio::posix::basic_stream_descriptor<net::Executor> input(loop.get_executor(), 0);
  std::string line;
  for (;;) {
    auto [error, size] = co_await net::asio::async_read_until(
        input, net::asio::dynamic_buffer(line, max_line), '\n', net::as_result);
    if (error) break;
    std::size_t messages = 0;
    std::from_chars(line.data(), line.data() + size, messages);
    line.erase(0, size);
    co_await tally.wait_for(messages);
    std::puts(tally.take().c_str());
    std::fflush(stdout);
  }
  loop.stop();
}

int run(std::uint16_t port, bool has_times) {
  net::asio::io_context loop(1);
  net::TcpAcceptor acceptor(loop.get_executor());
  const net::asio::ip::tcp::endpoint here(net::asio::ip::address_v4::loopback(), port);
  acceptor.open(here.protocol());
  acceptor.set_option(net::TcpAcceptor::reuse_address(true));
  acceptor.bind(here);
  acceptor.listen(backlog);
  Tally tally(loop.get_executor(), has_times);
  net::Nursery nursery(loop.get_executor());
  nursery.start(accept_all(std::move(acceptor), nursery, tally));
  nursery.start(obey_input(loop, tally));
  std::puts("ready");
  std::fflush(stdout);
  loop.run();
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  bool has_times = false;
  CLI::App app("Takes mail on 127.0.0.1, counts it and throws it away.", "bench_sink");
  app.add_option("--port", port)->required();
  app.add_flag("--times", has_times,
               "print when each message came; its recipient's local part is its number");
  CLI11_PARSE(app, argc, argv);
  return postern::bench::run(port, has_times);
}
