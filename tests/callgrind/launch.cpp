// Preloaded into the supervisor by tests/callgrind/run: the roles that it starts run under callgrind. (The supervisor itself
// cannot: valgrind 3.19 knows no pidfd_open. It has no part in a message.)
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdlib>

/// In place of libc's: `postern role NAME`, which daemon/process.cpp starts by execveat, becomes a `valgrind postern role NAME`.
/// Named by the environment: CALLGRIND_PROGRAM, the program; CALLGRIND_OUT and CALLGRIND_PRELOAD, whole arguments and variables.
extern "C" long syscall(long number, ...) noexcept {
  long arguments[6];
  va_list list;
  va_start(list, number);
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  if (number == SYS_execveat) {
    char* const* role = reinterpret_cast<char* const*>(arguments[2]);
    char quiet[] = "-q", tool[] = "--tool=callgrind", no_debugger[] = "--vgdb=no",
         name[] = "valgrind";
    char* const under[] = {name,
                           tool,
                           no_debugger,
                           quiet,
                           std::getenv("CALLGRIND_OUT"),
                           std::getenv("CALLGRIND_PROGRAM"),
                           role[1],
                           role[2],
                           nullptr};
    char* const environment[] = {std::getenv("CALLGRIND_PRELOAD"), nullptr};
    return ::execve("/usr/bin/valgrind", under, environment);
  }
  using Syscall = long (*)(long, ...);
  static const auto real = reinterpret_cast<Syscall>(::dlsym(RTLD_NEXT, "syscall"));
  return real(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4],
              arguments[5]);
}
