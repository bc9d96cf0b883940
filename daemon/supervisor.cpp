#include "daemon/supervisor.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <vector>

#include "daemon/config.h"
#include "daemon/process.h"
#include "daemon/selftest.h"
#include "daemon/settings.h"
#include "daemon/sockets.h"
#include "daemon/spool.h"
#include "daemon/start_failure.h"
#include "net/channel.h"
#include "net/log.h"
#include "net/task.h"

namespace postern::daemon {
namespace {

using namespace std::chrono_literals;
using frames::Role;
using net::Task;

// A role that dies is started again at once; one that dies again and again, after ever longer pauses.
constexpr auto first_pause = 100ms;
constexpr auto longest_pause = 30s;
constexpr auto healthy_life =
    60s;  // after a life of this length the next death counts as the first
// SIGTERM to exit within 10 s: first those who talk to the world, then those who remember.
constexpr auto drain_talkers = 8s;
constexpr auto drain_rememberers = 1500ms;
constexpr auto certificate_check = 10s;
// From the end of a role's channel to its own: time to close what it has open, and for sanitizers to look for leaks.
constexpr auto last_breath = 2s;

template <class To>
using ToRole = std::unique_ptr<net::Channel<To, frames::ToSupervisor>>;
// In the order of frames::Role; selftest is no lasting one (daemon/selftest.h).
using RoleChannel = std::variant<ToRole<frames::ToSmtpd>, ToRole<frames::ToAuth>,
                                 ToRole<frames::ToQueue>, ToRole<frames::ToDelivery>>;

struct Process {
  Role role = Role::smtpd;
  std::uint32_t instance = 0;
  std::optional<User> user;
  bool is_kept_alive = false;  // by `live`
  pid_t pid = 0;               // 0: not running
  net::Fd exit;                // readable once the process has ended
  bool is_ready = false;
  int unanswered = 0;  // settings that it was sent, and has neither taken nor refused
  RoleChannel channel;

  std::string label() const { return std::string(name_of(role)) + '-' + std::to_string(instance); }
};

template <std::size_t... I>
RoleChannel make_channel(std::size_t index, net::Executor executor, net::Fd fd,
                         std::index_sequence<I...>) {
  RoleChannel channel;
  ((I == index ? void(channel = std::make_unique<
                          typename std::variant_alternative_t<I, RoleChannel>::element_type>(
                          executor, std::move(fd)))
               : void()),
   ...);
  return channel;
}

RoleChannel channel_to(Role role, net::Executor executor, net::Fd fd) {
  return make_channel(static_cast<std::size_t>(role), executor, std::move(fd),
                      std::make_index_sequence<std::variant_size_v<RoleChannel>>());
}

/// Sends a frame to a role that has such a frame.
template <class Frame>
void send(Process& process, Frame frame) {
  std::visit(
      [&](auto& channel) {
        if constexpr (requires { channel->send(std::move(frame)); })
          channel->send(std::move(frame));
      },
      process.channel);
}

Task<net::Result<frames::ToSupervisor>> receive(Process& process) {
  return std::visit([](auto& channel) { return channel->receive(); }, process.channel);
}

// For this process and, by inheritance, for all roles.
void limit_this_process() {
  ::signal(SIGPIPE, SIG_IGN);  // whoever reads the log may go away
  const rlimit no_core{0, 0};  // keys and passwords are in memory
  ::setrlimit(RLIMIT_CORE, &no_core);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void log_warnings(const Config& config) {
  for (const ConfigError& warning : config.warnings) {
    net::log(net::Level::warning, "configuration", {{"warning", text_of(config.file, warning)}});
  }
}

/// Who talks to whom (net/frames.h).
bool are_peers(Role a, Role b) {
  const auto is_pair = [&](Role x, Role y) { return (a == x && b == y) || (a == y && b == x); };
  return is_pair(Role::smtpd, Role::queue) || is_pair(Role::smtpd, Role::auth) ||
         is_pair(Role::queue, Role::delivery) || is_pair(Role::delivery, Role::auth);
}

class Supervisor {
 public:
  explicit Supervisor(Config config);
  int run();

 private:
  // The life of a process: start, listen, wait for its end, pause, and again.
  void keep_alive(Process& process);
  Task<> live(Process& process);
  bool is_wanted(const Process& process) const;
  void start_or_say_why(Process& process);
  void start(Process& process);
  void introduce(Process& a, Process& b);
  void send_settings(Process& process);
  Task<> listen(Process& process);
  [[nodiscard]] bool hear(Process& process, const frames::ToSupervisor& frame);
  Task<> reap(Process& process);

  Task<> obey_signals();
  void reload();
  void note_reloaded();
  static void refuse_reload(const std::string& why);
  void keep_until_restart(Config& fresh) const;
  Task<> watch_certificate();
  void renew_certificate();
  void close_acceptance();
  void begin_stop();
  Task<> stop();
  Task<> drain(std::vector<Role> roles, net::Clock::duration limit);

  net::asio::io_context loop_{1};
  Config config_;
  TlsFiles tls_;
  frames::AuthSettings auth_;  // with the passwords as they were at the last load
  BoundSockets sockets_;
  net::Fd control_;
  net::Fd seats_;
  std::vector<std::unique_ptr<Process>> processes_;
  net::Nursery nursery_{loop_.get_executor()};
  Selftest selftest_{loop_.get_executor(), [this] { close_acceptance(); }};
  bool has_started_ = false;
  bool is_accepting_ = true;  // false: a self-test has found that strangers can relay
  bool is_stopping_ = false;
  bool is_reloading_ = false;
  int exit_code_ = EX_OK;
};

Supervisor::Supervisor(Config config)
    : config_(std::move(config)),
      tls_(TlsFiles::read(config_)),
      auth_(auth_settings(config_)),
      sockets_(bind_listeners(config_, {})),
      control_(bind_control(config_.control_socket)),
      seats_(make_seats()) {
  make_spool(config_.queue_directory, user_of(Role::queue));
  const auto add = [this](Role role, std::uint32_t instance) {
    processes_.push_back(std::make_unique<Process>());
    processes_.back()->role = role;
    processes_.back()->instance = instance;
    processes_.back()->user = user_of(role);
  };
  add(Role::queue, 0);
  add(Role::auth, 0);
  add(Role::delivery, 0);
  for (std::uint32_t i = 0; i < config_.smtpd_workers; ++i) add(Role::smtpd, i);
}

int Supervisor::run() {
  log_warnings(config_);
  nursery_.start(obey_signals());
  nursery_.start(watch_certificate());
  for (auto& process : processes_) keep_alive(*process);
  loop_.run();
  ::unlink(config_.control_socket.c_str());
  return exit_code_;
}

bool Supervisor::is_wanted(const Process& process) const {
  return !is_stopping_ && (is_accepting_ || process.role != Role::smtpd);
}

void Supervisor::keep_alive(Process& process) {
  if (process.is_kept_alive) return;
  process.is_kept_alive = true;
  nursery_.start(live(process));
}

Task<> Supervisor::live(Process& process) {
  net::Clock::duration pause = first_pause;
  while (is_wanted(process)) {
    const auto started = net::Clock::now();
    start_or_say_why(process);
    if (process.pid != 0) {
      co_await listen(process);
      co_await reap(process);
    }
    if (!is_wanted(process)) break;
    if (net::Clock::now() - started > healthy_life) pause = first_pause;
    co_await net::sleep_for(pause);
    pause = std::min<net::Clock::duration>(2 * pause, longest_pause);
  }
  process.is_kept_alive = false;
}

// Out of processes, descriptors or memory: that may pass, so it is no more than one more reason to try again later.
void Supervisor::start_or_say_why(Process& process) {
  try {
    start(process);
  } catch (const std::exception& failure) {
    net::log(net::Level::error, "start-failed",
             {{"role", process.label()}, {"why", failure.what()}});
    if (process.pid != 0) ::kill(process.pid, SIGKILL);
  }
}

void Supervisor::start(Process& process) {
  auto [ours, theirs] = net::socket_pair();
  process.channel = channel_to(process.role, loop_.get_executor(), std::move(ours));
  Child child = start_role(process.role, process.user, std::move(theirs));
  process.pid = child.pid;
  process.exit = std::move(child.exit);
  send_settings(process);
  for (auto& other : processes_) {
    if (other->pid != 0 && are_peers(process.role, other->role)) introduce(process, *other);
  }
  net::log("role-started", {{"role", process.label()}, {"pid", process.pid}});
}

void Supervisor::introduce(Process& a, Process& b) {
  auto [one, other] = net::socket_pair();
  send(a, frames::Peer{b.role, b.instance, std::move(one)});
  send(b, frames::Peer{a.role, a.instance, std::move(other)});
}

void Supervisor::send_settings(Process& process) {
  ++process.unanswered;
  switch (process.role) {
    case Role::smtpd:
      return send(process, smtpd_settings(config_, tls_, sockets_, seats_, process.instance));
    case Role::auth:
      return send(process, auth_);
    case Role::queue:
      return send(process, queue_settings(config_, control_));
    case Role::delivery:
      return send(process, delivery_settings(config_));
    case Role::selftest:
      return;  // none of `processes_`
  }
}

Task<> Supervisor::listen(Process& process) {
  for (;;) {
    auto frame = co_await receive(process);
    if (!frame || !hear(process, *frame)) co_return;
  }
}

/// False: this process is of no use.
bool Supervisor::hear(Process& process, const frames::ToSupervisor& frame) {
  if (std::holds_alternative<frames::SelftestResult>(frame)) return false;  // not theirs to say
  --process.unanswered;
  note_reloaded();
  if (const auto* failure = std::get_if<frames::CannotStart>(&frame)) {
    net::log(net::Level::error, "cannot-start",
             {{"role", process.label()}, {"why", failure->reason}});
    if (has_started_)
      return process.is_ready;  // refused new settings, and goes on with the old ones
    exit_code_ = failure->exit_code;
    begin_stop();
    return true;
  }
  process.is_ready = true;
  const bool all_ready =
      std::ranges::all_of(processes_, [](const auto& any) { return any->is_ready; });
  if (all_ready && !has_started_) {
    has_started_ = true;
    ::malloc_trim(0);  // gives back what only the start needed
    net::log("started", {{"hostname", config_.hostname}, {"configuration", config_.file}});
    selftest_.start(config_);
  }
  return true;
}

Task<> Supervisor::reap(Process& process) {
  net::asio::posix::basic_stream_descriptor<net::Executor> ended(loop_.get_executor(),
                                                                 process.exit.release());
  net::Timer patience(loop_.get_executor(), last_breath);
  patience.async_wait([&process, pid = process.pid](net::error_code error) {
    if (!error && process.pid == pid) ::kill(pid, SIGKILL);
  });
  co_await ended.async_wait(net::asio::posix::stream_descriptor::wait_read, net::as_result);
  int status = 0;
  ::waitpid(process.pid, &status, 0);
  const bool is_clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  const std::string end = WIFSIGNALED(status)
                              ? "killed by signal " + std::to_string(WTERMSIG(status))
                              : "exit code " + std::to_string(WEXITSTATUS(status));
  net::log(!is_wanted(process) && is_clean ? net::Level::info : net::Level::error, "role-ended",
           {{"role", process.label()}, {"pid", process.pid}, {"how", end}});
  process.pid = 0;
  process.is_ready = false;
  process.unanswered = 0;
  note_reloaded();
}

// ── what the operator says ───────────────────────────────────────────────────────────────────────────────────────────

Task<> Supervisor::obey_signals() {
  net::asio::basic_signal_set<net::Executor> signals(loop_.get_executor());
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) signals.add(number);
  for (;;) {
    auto [error, number] = co_await signals.async_wait(net::as_result);
    if (error) co_return;
    if (number == SIGHUP) {
      reload();
    } else {
      begin_stop();
    }
  }
}

void Supervisor::reload() {
  LoadedConfig loaded = load_config(config_.file);
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&loaded)) {
    for (const ConfigError& error : *errors) refuse_reload(text_of(config_.file, error));
    return;
  }
  try {
    Config fresh = std::get<Config>(std::move(loaded));
    TlsFiles tls = TlsFiles::read(fresh);
    BoundSockets sockets = bind_listeners(fresh, sockets_);
    frames::AuthSettings auth = auth_settings(fresh);
    keep_until_restart(fresh);
    config_ = std::move(fresh);
    tls_ = std::move(tls);
    auth_ = std::move(auth);
    sockets_ = std::move(sockets);
    for (auto& process : processes_) {
      if (process->pid != 0) send_settings(*process);
    }
    is_accepting_ = true;
    for (auto& process : processes_) keep_alive(*process);
  } catch (const std::exception& failure) {
    return refuse_reload(failure.what());
  }
  log_warnings(config_);
  is_reloading_ = true;
  note_reloaded();
}

/// Says it when it is true of every role: what an operator tries behind this line is tried on the new configuration.
void Supervisor::note_reloaded() {
  const auto has_answered = [](const auto& any) { return any->unanswered == 0; };
  if (!is_reloading_ || !std::ranges::all_of(processes_, has_answered)) return;
  is_reloading_ = false;
  net::log("reloaded", {{"configuration", config_.file}});
  selftest_.start(config_);
}

void Supervisor::refuse_reload(const std::string& why) {
  net::log(net::Level::error, "reload-refused",
           {{"why", why}, {"then", "the old configuration stays"}});
}

/// What processes that run cannot take over.
void Supervisor::keep_until_restart(Config& fresh) const {
  const auto keep = [](auto& now, const auto& before, std::string_view key) {
    if (now == before) return;
    now = before;
    net::log(net::Level::warning, "needs-restart", {{"key", key}});
  };
  keep(fresh.queue_directory, config_.queue_directory, "queue.directory");
  keep(fresh.control_socket, config_.control_socket, "control.socket");
  keep(fresh.smtpd_workers, config_.smtpd_workers, "limits.smtpd_processes");
}

Task<> Supervisor::watch_certificate() {
  for (;;) {
    co_await net::sleep_for(certificate_check);
    try {
      renew_certificate();
    } catch (const std::exception& failure) {
      net::log(net::Level::error, "certificate-refused",
               {{"why", failure.what()}, {"then", "the old certificate stays"}});
    }
  }
}

void Supervisor::renew_certificate() {
  TlsFiles now = TlsFiles::read(config_);
  if (now == tls_) return;
  tls_ = std::move(now);
  net::log("certificate-renewed", {{"file", config_.certificate_file}});
  for (auto& process : processes_) {
    if (process->pid != 0 && process->role == Role::smtpd) send_settings(*process);
  }
}

/// Refused is better than left waiting: clients see at once that they must go elsewhere. A reload opens again.
void Supervisor::close_acceptance() {
  is_accepting_ = false;
  // A draining smtpd has copies of them: closed for all, so that nobody waits in them and a reload can bind them again.
  for (const auto& [address, socket] : sockets_) ::shutdown(socket.get(), SHUT_RDWR);
  sockets_.clear();
  nursery_.start(drain({Role::smtpd}, drain_talkers));
}

void Supervisor::begin_stop() {
  if (is_stopping_) return;
  is_stopping_ = true;
  nursery_.start(stop());
}

Task<> Supervisor::stop() {
  net::log("stopping", {});
  const std::vector<Role> talkers = {Role::smtpd, Role::delivery};
  const std::vector<Role> rememberers = {Role::queue, Role::auth};
  co_await selftest_.stop();
  co_await drain(talkers, drain_talkers);
  co_await drain(rememberers, drain_rememberers);
  net::log("stopped", {});
  loop_.stop();
}

Task<> Supervisor::drain(std::vector<Role> roles, net::Clock::duration limit) {
  std::vector<pid_t> chosen;  // not their successors: a reload may start some meanwhile
  for (auto& process : processes_) {
    if (process->pid == 0 || std::ranges::find(roles, process->role) == roles.end()) continue;
    chosen.push_back(process->pid);
    send(*process, frames::Drain{});
  }
  const auto is_left = [&](const auto& process) {
    return process->pid != 0 && std::ranges::find(chosen, process->pid) != chosen.end();
  };
  const auto end = net::Clock::now() + limit;
  while (std::ranges::any_of(processes_, is_left)) {
    co_await net::sleep_for(20ms);
    if (net::Clock::now() < end) continue;
    for (auto& process : processes_) {
      if (is_left(process)) ::kill(process->pid, SIGKILL);
    }
  }
}

}  // namespace

int supervise(const std::string& config_file) {
  limit_this_process();
  LoadedConfig loaded = load_config(config_file);
  if (const auto* errors = std::get_if<std::vector<ConfigError>>(&loaded)) {
    for (const ConfigError& error : *errors)
      std::fprintf(stderr, "postern: %s\n", text_of(config_file, error).c_str());
    return EX_CONFIG;
  }
  try {
    return Supervisor(std::get<Config>(std::move(loaded))).run();
  } catch (const StartFailure& failure) {
    std::fprintf(stderr, "postern: %s\n", failure.what());
    return failure.exit_code();
  }
}

}  // namespace postern::daemon
