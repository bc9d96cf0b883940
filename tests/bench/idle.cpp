// bench_idle: opens SMTP sessions, says EHLO (and STARTTLS, and AUTH) on each, prints `ready`, and keeps them until its standard
// input ends. Meanwhile the server's memory can be measured.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <list>
#include <string>

#include "client.h"

namespace postern::bench {
namespace {

/// One after the other: all at once, the server's memory would be that of its busiest moment.
net::Task<> open_all(net::Executor executor, Endpoint server, std::size_t sessions,
                     net::SslContext context, std::string user, std::string password,
                     std::list<Client>& clients) {
  while (clients.size() < sessions) {
    Client& client = clients.emplace_back(executor);
    net::Result<> opened = co_await client.open(server);
    if (opened && context) opened = co_await client.start_tls(context);
    if (opened && !user.empty()) opened = co_await client.log_in(user, password);
    if (opened) continue;
    std::fprintf(stderr, "bench_idle: session %zu: %s: %s\n", clients.size(),
                 opened.error().message().c_str(), client.last_reply().c_str());
    std::exit(1);
  }
}

int run(std::uint16_t port, std::size_t sessions, bool is_encrypted, const std::string& user,
        const std::string& password) {
  net::SslContext context;
  if (is_encrypted) context = any_server_tls();
  net::asio::io_context loop(1);
  std::list<Client> clients;
  net::Nursery nursery(loop.get_executor());
  const Endpoint server(net::asio::ip::address_v4::loopback(), port);
  nursery.start(open_all(loop.get_executor(), server, sessions, context, user, password, clients));
  while (nursery.size() > 0) loop.run_one();
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace
}  // namespace postern::bench

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  std::size_t sessions = 1000;
  bool is_encrypted = false;
  CLI::App app("Keeps idle SMTP sessions open on a server on 127.0.0.1.", "bench_idle");
  app.add_option("--port", port)->required();
  app.add_option("--sessions", sessions)
      ->check(CLI::Range(std::size_t{1}, std::size_t{50'000}))
      ->capture_default_str();
  app.add_flag("--tls", is_encrypted, "STARTTLS on each");
  std::string user;
  std::string password;
  app.add_option("--user", user, "AUTH on each; needs --tls");
  app.add_option("--password", password);
  CLI11_PARSE(app, argc, argv);
  return postern::bench::run(port, sessions, is_encrypted, user, password);
}
