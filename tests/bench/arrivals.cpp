// bench_arrivals: clients that come, do not submit, and go: for the price of TLS handshakes, of logins, and of
// strangers. Prints one line of JSON: how many came, when it began and ended, its own CPU, the handshakes that were resumed.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "client.h"
#include "usage.h"

namespace postern::bench {
namespace {

struct Arrivals {
  std::uint16_t port = 0;
  std::size_t sessions = 1;
  std::size_t connections = 1000;
  std::string source;
  bool is_encrypted = false;
  bool is_resumed = false;
  bool is_refused = false;
  std::string user;  // `%` in it becomes the connection's number
  std::size_t first = 0;
  std::string password;
};

class Crowd {
 public:
  Crowd(Arrivals arrivals, net::Executor executor)
      : arrivals_(std::move(arrivals)), nursery_(executor) {
    if (!arrivals_.source.empty()) source_ = net::asio::ip::make_address(arrivals_.source);
    if (arrivals_.is_encrypted) context_ = any_server_tls(arrivals_.is_resumed);
  }

  void start() {
    begin_ = now_seconds();
    for (std::size_t i = 0; i < arrivals_.sessions; ++i) nursery_.start(come_again());
  }

  [[nodiscard]] std::string result() const {
    if (!failure_.empty()) std::fprintf(stderr, "bench_arrivals: %s\n", failure_.c_str());
    return fmt::format(
        R"({{"connections": {}, "begin": {:.6f}, "end": {:.6f}, "cpu": {:.3f}, "resumed": {}}})",
        came_, begin_, end_, cpu_seconds(), resumed_);
  }

 private:
  /// Connection after connection, until all have come. A failure ends it: the result shows that some are missing.
  net::Task<> come_again() {
    while (begun_ < arrivals_.connections) {
      const std::size_t number = begun_++;
      Client client(nursery_.executor());
      net::Result<> done = co_await visit(client, number);
      if (!done) {
        if (failure_.empty()) failure_ = done.error().message() + ": " + client.last_reply();
        co_return;
      }
      ++came_;
      end_ = now_seconds();
    }
  }

  net::Task<net::Result<>> visit(Client& client, std::size_t number) {
    const Endpoint server(net::asio::ip::address_v4::loopback(), arrivals_.port);
    net::Result<> done = co_await client.open(server, source_);
    if (done && context_) done = co_await client.start_tls(context_);
    if (done && context_ && client.is_resumed()) ++resumed_;
    if (done && !arrivals_.user.empty()) {
      const std::string user = name_of(number);
      done = co_await client.log_in(user, arrivals_.password);
    }
    if (done && arrivals_.is_refused) done = co_await client.be_refused();
    if (done) done = co_await client.quit();
    co_return done;
  }

  std::string name_of(std::size_t number) const {
    std::string name = arrivals_.user;
    const std::size_t place = name.find('%');
    if (place != std::string::npos)
      name.replace(place, 1, std::to_string(arrivals_.first + number));
    return name;
  }

  Arrivals arrivals_;
  net::asio::ip::address source_;
  net::SslContext context_;
  net::Nursery nursery_;
  std::size_t begun_ = 0;
  std::size_t came_ = 0;
  std::size_t resumed_ = 0;
  double begin_ = 0;
  double end_ = 0;
  std::string failure_;  // the first
};

int run(Arrivals arrivals) {
  net::asio::io_context loop(1);
  Crowd crowd(std::move(arrivals), loop.get_executor());
  crowd.start();
  loop.run();
  std::puts(crowd.result().c_str());
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  postern::bench::Arrivals arrivals;
  CLI::App app("Connects to an SMTP server on 127.0.0.1 again and again, and measures.",
               "bench_arrivals");
  app.add_option("--port", arrivals.port)->required();
  app.add_option("--sessions", arrivals.sessions, "at the same time")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}))
      ->capture_default_str();
  app.add_option("--connections", arrivals.connections, "in all")
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}))
      ->capture_default_str();
  app.add_option("--source", arrivals.source, "the address to come from");
  app.add_flag("--tls", arrivals.is_encrypted, "STARTTLS on every connection");
  app.add_flag("--resume", arrivals.is_resumed, "and take up the TLS session of an earlier one");
  app.add_option("--user", arrivals.user, "AUTH PLAIN; % becomes the connection's number");
  app.add_option("--password", arrivals.password);
  app.add_option("--first", arrivals.first, "the first connection's number");
  app.add_flag("--refused", arrivals.is_refused, "MAIL and RCPT, which must be refused");
  CLI11_PARSE(app, argc, argv);
  return postern::bench::run(std::move(arrivals));
}
