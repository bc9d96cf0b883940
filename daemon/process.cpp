#include "daemon/process.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "daemon/start_failure.h"
#include "daemon/supervisor.h"

namespace postern::daemon {
namespace {

using frames::Role;

std::vector<char*> kept_environment() {
  std::vector<char*> kept;
  for (char** variable = environ; *variable; ++variable) {
    const std::string_view text = *variable;
    if (text.substr(0, text.find('=')).ends_with("SAN_OPTIONS")) kept.push_back(*variable);
  }
  kept.push_back(nullptr);
  return kept;
}

// Everything that the child needs is made before the fork: behind it only system calls are allowed.
struct Launch {
  int executable;
  int channel;
  int nothing;  // /dev/null
  const User* user;
  char* const* arguments;
  char* const* environment;
};

[[noreturn]] void launch(const Launch& it) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::umask(077);
  bool is_good = ::dup2(it.nothing, STDIN_FILENO) >= 0;
  if (it.channel == role_descriptor) {
    is_good = is_good && ::fcntl(it.channel, F_SETFD, 0) == 0;
  } else {
    is_good = is_good && ::dup2(it.channel, role_descriptor) >= 0;
  }
  is_good = is_good && ::close_range(role_descriptor + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  if (it.user) {
    is_good = is_good && ::setgroups(0, nullptr) == 0 && ::setgid(it.user->gid) == 0 &&
              ::setuid(it.user->uid) == 0;
  }
  is_good = is_good && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
  if (is_good) {
    ::syscall(SYS_execveat, it.executable, "", it.arguments, it.environment, AT_EMPTY_PATH);
  }
  ::_exit(EX_OSERR);
}

}  // namespace

std::string_view name_of(frames::Role role) {
  static constexpr std::array<std::string_view, 5> names = {"smtpd", "auth", "queue", "delivery",
                                                            "selftest"};
  return names.at(static_cast<std::size_t>(role));
}

std::optional<User> user_of(frames::Role role) {
  if (::geteuid() != 0) return std::nullopt;
  // selftest sends mail as delivery does, holds no secret, and lives for minutes: it needs no user of its own.
  const Role who = role == Role::selftest ? Role::delivery : role;
  const std::string name = "postern-" + std::string(name_of(who));
  const passwd* entry = ::getpwnam(name.c_str());
  if (!entry) {
    throw StartFailure(
        EX_NOUSER, "started as root, but there is no user " + name +
                       ": each role runs as a user of its own; make them with etc/create-users");
  }
  if (entry->pw_uid == 0)
    throw StartFailure(EX_CONFIG, "the user " + name + " is root: give it an id of its own");
  return User{entry->pw_uid, entry->pw_gid};
}

Child start_role(frames::Role role, const std::optional<User>& user, net::Fd channel) {
  const net::Fd executable(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const net::Fd nothing(::open("/dev/null", O_RDWR | O_CLOEXEC));
  std::string program = "postern";
  std::string command = "role";
  std::string name(name_of(role));
  std::array<char*, 4> arguments = {program.data(), command.data(), name.data(), nullptr};
  const std::vector<char*> environment = kept_environment();
  const Launch it{executable.get(),        channel.get(),    nothing.get(),
                  user ? &*user : nullptr, arguments.data(), environment.data()};

  const pid_t pid = ::fork();
  if (pid == 0) launch(it);
  if (pid < 0) throw StartFailure(EX_OSERR, std::string("cannot fork: ") + std::strerror(errno));
  net::Fd exit(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!exit) {
    const int error = errno;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    throw StartFailure(EX_OSERR, std::string("cannot watch a process: ") + std::strerror(error));
  }
  return Child{pid, std::move(exit)};
}

}  // namespace postern::daemon
