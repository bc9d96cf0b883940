// Preloaded into each role by tests/callgrind/run: at SIGUSR2 callgrind writes what was counted since the last time.
#include <valgrind/callgrind.h>

#include <csignal>

namespace {

void dump(int) { CALLGRIND_DUMP_STATS; }

[[gnu::constructor]] void obey_signal() {
  struct sigaction action {};
  action.sa_handler = dump;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGUSR2, &action, nullptr);
}

}  // namespace
