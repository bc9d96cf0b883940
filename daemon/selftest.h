// The self-test of `postern serve`: at the start and after each reload, a process of its own tries on all listeners, as a stranger,
// every trick by which mail servers have been made to relay (relaytest/). It must never disturb what it tests: its time is limited,
// its death is a warning, nobody waits for it.
#pragma once

#include <functional>
#include <optional>

#include "daemon/config.h"
#include "daemon/process.h"
#include "net/channel.h"
#include "net/task.h"

namespace postern::daemon {

class Selftest {
 public:
  /// `on_finding` is called where a probe was relayed, or taken to be: after the log has said so.
  Selftest(net::Executor executor, std::function<void()> on_finding);

  /// Tests this configuration; a test that runs, of an older one, is given up. Without `[selftest] at_start` that is all.
  void start(const Config& config);

  /// Ends a test that runs. Returns when its process has gone, and what it borrowed.
  [[nodiscard]] net::Task<> stop();

 private:
  using Channel = net::Channel<frames::ToSelftest, frames::ToSupervisor>;

  net::Task<> work();
  net::Task<> test(Config config);
  net::Task<net::Result<frames::SelftestResult>> ask(frames::SelftestSettings settings,
                                                     std::string& end);
  void kill();

  net::Executor executor_;
  std::function<void()> on_finding_;
  std::optional<Config> next_;  // to be tested, as soon as the test that runs has gone
  bool is_running_ = false;
  bool is_given_up_ = false;
  bool is_late_ = false;  // was killed because its time was over
  pid_t pid_ = 0;  // of the process that tests; 0: there is none
  net::Nursery nursery_;
};

}  // namespace postern::daemon
