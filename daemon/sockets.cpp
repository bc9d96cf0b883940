#include "daemon/sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "daemon/start_failure.h"

namespace postern::daemon {
namespace {

constexpr int backlog =
    4096;  // connections that wait to be accepted; the kernel's somaxconn may cut it

StartFailure failure(int exit_code, const std::string& what) {
  return StartFailure(exit_code, what + ": " + std::strerror(errno));
}

boost::asio::ip::tcp::endpoint endpoint_of(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return {boost::asio::ip::make_address(host),
          static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)))};
}

}  // namespace

net::Fd bind_listener(const std::string& address) {
  const auto endpoint = endpoint_of(address);
  net::Fd fd(::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw failure(EX_OSERR, "cannot make a socket for " + address);
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof(on));  // inherited by what is accepted
  // Never a v4 client under a mapped address: 0.0.0.0 and [::] are two listeners.
  if (endpoint.address().is_v6())
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  if (::bind(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0 ||
      ::listen(fd.get(), backlog) != 0) {
    const bool is_used = errno == EADDRINUSE;
    const bool is_refused = errno == EACCES;
    throw failure(is_used      ? EX_UNAVAILABLE
                  : is_refused ? EX_NOPERM
                               : EX_OSERR,
                  "cannot listen on " + address +
                      (is_used      ? " (is Postern, or another mail server, running there?)"
                       : is_refused ? " (ports below 1024 need root)"
                                    : ""));
  }
  return fd;
}

BoundSockets bind_listeners(const Config& config, const BoundSockets& have) {
  BoundSockets bound;
  for (const ListenerConfig& listener : config.listeners) {
    for (const std::string& address : listener.addresses) {
      const auto old = have.find(address);
      bound.emplace(address, old != have.end() ? duplicate(old->second) : bind_listener(address));
    }
  }
  return bound;
}

net::Fd bind_control(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    throw StartFailure(EX_CONFIG, "the path of the control socket is over 107 characters: " + path);
  }
  path.copy(address.sun_path, path.size());
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);

  net::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw failure(EX_OSERR, "cannot make the control socket");
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  if (::connect(fd.get(), name, sizeof(address)) == 0) {
    throw StartFailure(EX_UNAVAILABLE, "another Postern answers on the control socket " + path);
  }
  struct stat status {};
  const bool is_left_behind =
      errno == ECONNREFUSED && ::lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  if (is_left_behind)
    ::unlink(path.c_str());  // by one that was killed; anything else stays, and `bind` fails
  const mode_t before = ::umask(0177);
  const bool is_bound = ::bind(fd.get(), name, sizeof(address)) == 0;
  ::umask(before);
  if (!is_bound || ::listen(fd.get(), 16) != 0)
    throw failure(EX_CANTCREAT, "cannot make the control socket " + path);
  return fd;
}

net::Fd make_seats() {
  net::Fd memory(::memfd_create("postern-seats", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  // Sealed: no process that has it can take it from under the others.
  constexpr int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
  if (!memory || ::ftruncate(memory.get(), frames::seats_memory) != 0 ||
      ::fcntl(memory.get(), F_ADD_SEALS, seals) != 0) {
    throw StartFailure(
        EX_OSERR, std::string("no memory for the list of connections: ") + std::strerror(errno));
  }
  return memory;
}

net::Fd duplicate(const net::Fd& fd) {
  net::Fd copy(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
  if (!copy) throw failure(EX_OSERR, "cannot duplicate a descriptor");
  return copy;
}

}  // namespace postern::daemon
