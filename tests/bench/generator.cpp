// bench_generator: hands a number of messages to an SMTP server over parallel sessions, and prints one line of JSON: when
// it began and ended, the time from final dot to reply, its own CPU. One thread, so it leaves other cores to the server.
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
};

class Generator {
 public:
  Generator(const Load& load, net::Executor executor)
      : load_(load), content_(make_content(load.size)), left_(load.messages), nursery_(executor) {
    if (load.is_encrypted) context_ = any_server_tls();
    took_.reserve(load.messages);
  }

  void start() {
    begin_ = now_seconds();
    for (std::size_t i = 0; i < load_.sessions; ++i) nursery_.start(connect_again());
  }

  [[nodiscard]] std::string result();

 private:
  net::Task<> connect_again();
  net::Task<net::Result<>> connection(Client& client, std::size_t messages);

  Load load_;
  std::string content_;
  std::size_t left_;  // messages that no connection has taken on yet
  net::SslContext context_;
  net::Nursery nursery_;
  double begin_ = 0;
  double end_ = 0;
  std::vector<float> took_;  // seconds from final dot to reply, one a message
  std::string failure_;      // the first
};

/// Connection after connection, each with its share of the messages, until none is left. A failure ends it: the result
/// shows that messages are missing.
net::Task<> Generator::connect_again() {
  while (left_ > 0) {
    const std::size_t mine = std::min(left_, load_.per_connection);
    left_ -= mine;
    Client client(nursery_.executor());
    net::Result<> done = co_await connection(client, mine);
    if (done) continue;
    if (failure_.empty()) failure_ = done.error().message() + ": " + client.last_reply();
    co_return;
  }
}

net::Task<net::Result<>> Generator::connection(Client& client, std::size_t messages) {
  const Endpoint server(net::asio::ip::address_v4::loopback(), load_.port);
  net::Result<> opened = co_await client.open(server);
  if (!opened) co_return opened;
  if (context_) {
    net::Result<> encrypted = co_await client.start_tls(context_);
    if (!encrypted) co_return encrypted;
  }
  for (std::size_t i = 0; i < messages; ++i) {
    net::Result<net::Clock::duration> took = co_await client.send(content_, load_.is_pipelined);
    if (!took) co_return took.error();
    took_.push_back(std::chrono::duration<float>(*took).count());
    end_ = now_seconds();
  }
  net::Result<> ended = co_await client.quit();
  co_return ended;
}

std::string Generator::result() {
  std::ranges::sort(took_);
  const auto milliseconds_at = [&](double part) {
    if (took_.empty()) return 0.0;
    return 1e3 * took_[static_cast<std::size_t>(part * static_cast<double>(took_.size() - 1))];
  };
  if (!failure_.empty()) std::fprintf(stderr, "bench_generator: %s\n", failure_.c_str());
  return fmt::format(R"({{"messages": {}, "begin": {:.6f}, "end": {:.6f}, "cpu": {:.3f}, )"
                     R"("p50_ms": {:.3f}, "p95_ms": {:.3f}, "p99_ms": {:.3f}}})",
                     took_.size(), begin_, end_, cpu_seconds(), milliseconds_at(0.5),
                     milliseconds_at(0.95), milliseconds_at(0.99));
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
  CLI11_PARSE(app, argc, argv);
  return postern::bench::run(load);
}
