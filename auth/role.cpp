#include "auth/role.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <algorithm>
#include <functional>
#include <list>
#include <optional>
#include <thread>

#include "auth/client.h"
#include "auth/server.h"
#include "net/log.h"
#include "net/role.h"

namespace postern::auth {
namespace {

/// No core dump, and no other process of this user may look into our memory.
void protect_memory() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0) {
    net::log(net::Level::warning, "unprotected", {{"why", "core dumps cannot be switched off"}});
  }
}

/// A mechanism that Cyrus cannot do, though we are told to offer it. The -PLUS ones come with those they are named after.
std::optional<std::string> missing_mechanism(const std::vector<std::string>& wanted) {
  const std::vector<std::string> present = sasl_server_mechanisms();
  for (const std::string& mechanism : wanted) {
    const std::string plugin = mechanism.substr(0, mechanism.rfind("-PLUS"));
    const bool is_present = std::find(present.begin(), present.end(), plugin) != present.end();
    if (!is_present) return mechanism;
  }
  return std::nullopt;
}

class Role {
 public:
  using Incoming = frames::ToAuth;

  explicit Role(net::Executor executor) : nursery_(executor) {}

  net::Task<std::optional<frames::CannotStart>> configure(frames::AuthSettings settings) {
    co_return apply(std::move(settings));
  }

  void connect(frames::Peer peer) {
    if (peer.role == frames::Role::smtpd) {
      start(std::make_shared<Server>(nursery_.executor(), std::move(peer.channel), logins_, gate_,
                                     checker_));
    } else if (peer.role == frames::Role::delivery) {
      start(std::make_shared<Client>(nursery_.executor(), std::move(peer.channel), credentials_,
                                     pool_));
    } else {
      net::log_bug("auth was handed a channel to a role that it does not serve");
    }
  }

  net::Task<> drain() {
    for (const auto& close : closers_) close();
    co_await nursery_.join();
  }

 private:
  std::optional<frames::CannotStart> apply(frames::AuthSettings settings) {
    try {
      start_sasl();
    } catch (const std::exception& error) {
      return frames::CannotStart{EX_SOFTWARE, error.what()};
    }
    if (auto missing = missing_mechanism(settings.mechanisms)) {
      return frames::CannotStart{
          EX_UNAVAILABLE,
          fmt::format("Cyrus SASL has no plugin for {}: apt-get install libsasl2-modules",
                      *missing)};
    }
    credentials_ = Credentials(settings.credentials);
    logins_.hostname = std::move(settings.hostname);
    logins_.domain = std::move(settings.domain);
    logins_.mechanisms = std::move(settings.mechanisms);
    return use_users_file(std::move(settings.users_file));
  }

  /// A file that is not there yet is no reason not to start: mynetworks may send without it. One that cannot be used
  /// is; but when Postern runs already, the log is told, and clients that log in are told to come back.
  std::optional<frames::CannotStart> use_users_file(std::string path) {
    const bool is_start = logins_.users == nullptr;
    if (is_start || logins_.users->path() != path)
      logins_.users = std::make_unique<UserStore>(std::move(path));
    const bool is_usable = logins_.users->current() != nullptr;
    if (is_usable || logins_.users->is_missing() || !is_start) return std::nullopt;
    return frames::CannotStart{EX_CONFIG, logins_.users->problem()};
  }

  template <class Service>
  void start(std::shared_ptr<Service> service) {
    const auto place = closers_.insert(closers_.end(), [service] { service->close(); });
    nursery_.start(attend(std::move(service), place));
  }

  using Closers = std::list<std::function<void()>>;

  template <class Service>
  net::Task<> attend(std::shared_ptr<Service> service, Closers::iterator place) {
    co_await service->serve();
    closers_.erase(place);
  }

  const unsigned cores_ = std::max(1U, std::thread::hardware_concurrency());
  net::asio::thread_pool pool_{cores_};
  LoginGate gate_;
  PasswordChecker checker_{pool_, gate_, cores_};
  LoginSettings logins_;
  Credentials credentials_;
  Closers closers_;  // of the channels that are open
  net::Nursery nursery_;
};

}  // namespace

int run(net::Fd supervisor) {
  protect_memory();
  return net::RoleLoop<Role>(std::move(supervisor)).run();
}

}  // namespace postern::auth
