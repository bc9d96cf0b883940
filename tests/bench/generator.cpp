// bench_generator: hands a number of messages to an SMTP server over parallel sessions, and prints one line of JSON: when
// it began and ended, the time from final dot to reply, its own CPU, all by CLOCK_MONOTONIC. One thread, so it leaves other cores to the server.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "client.h"
#include "usage.h"

namespace postern::bench {
namespace {

constexpr std::size_t max_messages = 10'000'000;

struct Load {
  std::uint16_t port = 0;
  std::size_t sessions = 1;
  std::size_t messages = 1000;
  std::size_t per_connection = 1;
  std::size_t size = 4096;
  bool is_pipelined = false;
  bool is_encrypted = false;
  bool is_resumed = false;
  bool has_times = false;
  std::string user;
  std::string password;
};

class Generator {
 public:
  Generator(const Load& load, net::Executor executor)
      : load_(load), content_(make_content(load.size)), nursery_(executor) {
    if (load.is_encrypted) context_ = any_server_tls(load.is_resumed);
    if (load.has_times) times_.resize(load.messages);
    took_.reserve(load.messages);
  }

  void start() {
    begin_ = now_seconds();
    for (std::size_t i = 0; i < load_.sessions; ++i) nursery_.start(connect_again());
  }

  [[nodiscard]] std::string result();

 private:
  net::Task<> connect_again();
  net::Task<net::Result<>> connection(Client& client, std::size_t begin, std::size_t end);
  net::Task<net::Result<>> message(Client& client, std::size_t number);

  Load load_;
  std::string content_;
  std::size_t next_ = 0;  // the first message that no connection has taken on yet
  net::SslContext context_;
  net::Nursery nursery_;
  std::size_t resumed_ = 0;
  double begin_ = 0;
  double end_ = 0;
  std::vector<float> took_;    // seconds from final dot to reply, one a message
  std::vector<double> times_;  // of the replies to final dots, by message
  std::string failure_;        // the first
};

/// Connection after connection, each with its share of the messages, until none is left. A failure ends it: the result
/// shows that messages are missing.
net::Task<> Generator::connect_again() {
  while (next_ < load_.messages) {
    const std::size_t begin = next_;
    next_ += std::min(load_.messages - begin, load_.per_connection);
    Client client(nursery_.executor());
    net::Result<> done = co_await connection(client, begin, next_);
    if (done) continue;
    if (failure_.empty()) failure_ = done.error().message() + ": " + client.last_reply();
    co_return;
  }
}

net::Task<net::Result<>> Generator::connection(Client& client, std::size_t begin, std::size_t end) {
  const Endpoint server(net::asio::ip::address_v4::loopback(), load_.port);
  net::Result<> opened = co_await client.open(server);
  if (!opened) co_return opened;
  if (context_) {
    net::Result<> encrypted = co_await client.start_tls(context_);
    if (!encrypted) co_return encrypted;
    if (client.is_resumed()) ++resumed_;
  }
  if (!load_.user.empty()) {
    net::Result<> proved = co_await client.log_in(load_.user, load_.password);
    if (!proved) co_return proved;
  }
  for (std::size_t number = begin; number < end; ++number) {
    net::Result<> sent = co_await message(client, number);
    if (!sent) co_return sent;
  }
  net::Result<> ended = co_await client.quit();
  co_return ended;
}

net::Task<net::Result<>> Generator::message(Client& client, std::size_t number) {
  const std::string recipient = load_.has_times ? std::to_string(number) : "recipient";
  net::Result<net::Clock::duration> took =
      co_await client.send(content_, load_.is_pipelined, recipient);
  if (!took) co_return took.error();
  end_ = now_seconds();
  took_.push_back(std::chrono::duration<float>(*took).count());
  if (load_.has_times) times_[number] = end_;
  co_return net::Result<>();
}

std::string Generator::result() {
  std::ranges::sort(took_);
  const auto milliseconds_at = [&](double part) {
    if (took_.empty()) return 0.0;
    return 1e3 * took_[static_cast<std::size_t>(part * static_cast<double>(took_.size() - 1))];
  };
  if (!failure_.empty()) std::fprintf(stderr, "bench_generator: %s\n", failure_.c_str());
  return fmt::format(
      R"({{"messages": {}, "begin": {:.6f}, "end": {:.6f}, "cpu": {:.3f}, )"
      R"("p50_ms": {:.3f}, "p95_ms": {:.3f}, "p99_ms": {:.3f}, "resumed": {}, "times": [{:.6f}]}})",
      took_.size(), begin_, end_, cpu_seconds(), milliseconds_at(0.5), milliseconds_at(0.95),
      milliseconds_at(0.99), resumed_, fmt::join(times_, ", "));
}

int run(Load load) {
  if (load.per_connection == 0)
    load.per_connection = (load.messages + load.sessions - 1) / load.sessions;
  net::asio::io_context loop(1);
  Generator generator(load, loop.get_executor());
  generator.start();
  loop.run();
  std::puts(generator.result().c_str());
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  postern::bench::Load load;
  CLI::App app("Sends messages to an SMTP server on 127.0.0.1, and measures.", "bench_generator");
  app.add_option("--port", load.port)->required();
  app.add_option("--sessions", load.sessions, "at the same time")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
      ->capture_default_str();
  app.add_option("--messages", load.messages, "in all")
      ->check(CLI::Range(std::size_t{1}, postern::bench::max_messages))
      ->capture_default_str();
  app.add_option("--per-connection", load.per_connection, "messages on a connection; 0: no limit")
      ->capture_default_str();
  app.add_option("--size", load.size, "octets of content")
      ->check(CLI::Range(std::size_t{1}, std::size_t{100'000'000}))
      ->capture_default_str();
  app.add_flag("--pipelining", load.is_pipelined, "MAIL, RCPT and DATA in one write");
  app.add_flag("--tls", load.is_encrypted, "STARTTLS on every connection");
  app.add_flag("--resume", load.is_resumed, "and take up the TLS session of an earlier one");
  app.add_option("--user", load.user, "AUTH PLAIN on every connection; needs --tls");
  app.add_option("--password", load.password);
  app.add_flag("--times", load.has_times,
               "print when each message got its reply; its recipient's local part is its number");
  CLI11_PARSE(app, argc, argv);
  return postern::bench::run(load);
}
