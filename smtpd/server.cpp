#include "smtpd/server.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sysexits.h>

#include <algorithm>
#include <utility>

#include "net/log.h"

namespace postern::smtpd {
namespace {

using net::error_code;
using net::Task;
namespace asio = net::asio;

asio::ip::tcp protocol_of(const net::Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return address.ss_family == AF_INET6 ? asio::ip::tcp::v6() : asio::ip::tcp::v4();
}

// Without a zone, which means something on this machine only, and IPv4 as IPv4.
mail::IpAddress client_address(const mail::IpAddress& address) {
  if (address.is_v4()) return address;
  return mail::normalised(asio::ip::address_v6(address.to_v6().to_bytes()));
}

void say_accept_failed(const error_code& error) try {
  net::log(net::Level::error, "accept-failed", {{"reason", error.message()}});
} catch (const std::bad_alloc&) {
  // That may be the very error; the listener must live on.
}

net::Fd spare_descriptor() { return net::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

std::shared_ptr<const Policy> policy_of(const frames::SmtpdSettings& settings,
                                        const frames::Listener& listener) {
  return std::make_shared<const Policy>(Policy{
      settings.hostname, settings.domain, listener.tls, listener.auth, settings.mynetworks,
      settings.mechanisms, settings.message_size, settings.recipients, settings.hide_client});
}

// Apart from the server, which may be gone first: all that a session needs is its own or shared.
Task<> serve(std::unique_ptr<Connection> connection, Seats::Seat) { co_await connection->run(); }

}  // namespace

Server::Server(net::Executor executor, Patience patience)
    : executor_(executor), patience_(patience), doors_(executor), sessions_(executor) {}

Task<std::optional<frames::CannotStart>> Server::configure(frames::SmtpdSettings settings) {
  std::optional<frames::CannotStart> failure = load_certificate(settings);
  if (failure) co_return failure;
  doors_.cancel();
  co_await doors_.join();
  if (!services_) {
    services_ = std::make_shared<Services>(executor_, settings.instance);
    services_->patience = patience_;
    seats_ = std::make_shared<Seats>(settings.seats, settings.instance);
    spare_ = spare_descriptor();
  }
  instance_ = settings.instance;
  seats_->limit({settings.connections, settings.connections_per_ip, settings.processes});
  for (frames::Listener& listener : settings.listeners) {
    auto door = std::make_shared<const Door>(Door{policy_of(settings, listener), tls_});
    doors_.start(accept_at(std::move(listener.socket), std::move(door)));
  }
  co_return std::nullopt;
}

std::optional<frames::CannotStart> Server::load_certificate(const frames::SmtpdSettings& settings) {
  const bool is_needed = std::ranges::any_of(settings.listeners, [](const auto& listener) {
    return listener.tls != frames::ListenerTls::none;
  });
  if (!is_needed && settings.certificate_pem.empty()) return std::nullopt;
  auto context =
      net::server_tls(settings.certificate_pem, settings.private_key_pem, settings.ticket_keys);
  if (context) {
    tls_ = std::move(*context);
  } else if (tls_) {
    net::log(net::Level::error, "certificate-refused",
             {{"reason", context.error()}, {"remedy", "the one from before stays in use"}});
  } else {
    return frames::CannotStart{EX_CONFIG, "tls: " + context.error()};
  }
  return std::nullopt;
}

void Server::connect(frames::Peer peer) {
  if (!services_) return;
  if (peer.role == frames::Role::queue) services_->queue.connect(std::move(peer.channel));
  if (peer.role == frames::Role::auth) services_->auth.connect(std::move(peer.channel));
}

Task<> Server::accept_at(net::Fd socket, std::shared_ptr<const Door> door) {
  net::TcpAcceptor acceptor(executor_);
  const asio::ip::tcp protocol = protocol_of(socket);
  acceptor.assign(protocol, socket.release());
  co_await services_->queue.until_admission();
  bool is_failing = false;
  for (;;) {
    asio::ip::tcp::endpoint peer;
    auto [error, client] = co_await acceptor.async_accept(peer, net::as_result);
    // The supervisor has shut the listener down: a self-test has found that strangers can relay.
    if (error == asio::error::operation_aborted || error == asio::error::invalid_argument)
      co_return;
    try {
      if (!error) let_in(std::move(client), client_address(peer.address()), door);
    } catch (const std::bad_alloc&) {
      error = asio::error::no_memory;
    }
    // Clients that stay, and came all at once, would else be one process's, whose core is not all that there is.
    if (seats_->has_more_than_its_share()) co_await net::sleep_for(others_turn);
    if (error && !is_failing) say_accept_failed(error);
    is_failing = error.failed();
    if (is_failing) {
      // Those who wait would be there again at once, and that would only burn time.
      turn_away_waiting(acceptor, *door);
      co_await net::sleep_for(breather);
    }
  }
}

// Out of descriptors: one was kept for this, and is lent to each client in turn for as long as it takes to say so.
void Server::turn_away_waiting(net::TcpAcceptor& acceptor, const Door& door) try {
  spare_ = net::Fd();
  error_code error;
  acceptor.non_blocking(true, error);
  for (int i = 0; i < max_turned_away && !error; ++i) {
    asio::ip::tcp::endpoint peer;
    net::TcpSocket client(executor_);
    acceptor.accept(client, peer, error);
    if (error) break;
    turn_away(std::move(client), client_address(peer.address()), door,
              {421, {4, 3, 2}, "Out of resources, try again later"});
  }
  spare_ = spare_descriptor();
} catch (const std::bad_alloc&) {
  spare_ = spare_descriptor();  // no memory for a word: they wait for better times, as we do
}

void Server::let_in(net::TcpSocket socket, mail::IpAddress client,
                    std::shared_ptr<const Door> door) {
  if (services_->is_draining) {
    return turn_away(std::move(socket), client, *door, {421, {4, 3, 2}, "Shutting down"});
  }
  auto seat = Seats::take(seats_, client);
  if (const auto* why = std::get_if<std::string_view>(&seat)) {
    return turn_away(std::move(socket), client, *door, {421, {4, 7, 0}, std::string(*why)});
  }
  std::string name = fmt::format("{}.{}", instance_, ++last_session_);
  auto connection = std::make_unique<Connection>(std::move(socket), std::move(client),
                                                 std::move(name), std::move(door), services_);
  sessions_.start(serve(std::move(connection), std::move(std::get<Seats::Seat>(seat))));
}

// Costs no coroutine and no waiting: a fresh connection's buffer has room for a line. Where TLS comes first, no word can be
// said. One log line a second, for a flood must not fill the disk.
void Server::turn_away(net::TcpSocket socket, const mail::IpAddress& client, const Door& door,
                       const mail::Reply& reply) {
  error_code ignored;
  if (door.policy->tls != frames::ListenerTls::implicit) {
    std::string line;
    reply.append_to(line);
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(line), ignored);
  }
  ++turned_away_;
  const auto now = net::Clock::now();
  if (now < next_turned_away_line_) return;
  next_turned_away_line_ = now + std::chrono::seconds(1);
  net::log("turned-away", {{"client", client.to_string()},
                           {"reply", reply.one_line()},
                           {"connections", std::exchange(turned_away_, 0)}});
}

Task<> Server::drain() {
  if (!services_) co_return;
  services_->is_draining = true;
  for (Connection* connection : services_->connections) connection->drain();
  net::Timer limit(executor_, max_drain);
  limit.async_wait([this](error_code error) {
    if (!error) sessions_.cancel();
  });
  co_await sessions_.join();
}

}  // namespace postern::smtpd
