// A whole run: listens, probes, waits for what comes back, and says when nothing more can come.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "net/task.h"
#include "relaytest/catcher.h"
#include "relaytest/prober.h"
#include "relaytest/returns.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// What a run needs beside its own facts.
struct Setup {
  Pace pace;
  std::chrono::seconds wait{
      900};  // for returns, from the last accepted probe on; none was accepted: no waiting
  std::optional<net::TcpAcceptor>
      listener;  // listens already; nothing: returns are only read elsewhere
  std::optional<ReturnsElsewhere> elsewhere;
};

/// What goes on, for a line of progress.
struct Progress {
  enum class Phase { probing, waiting_to_retry, waiting_for_returns, over };
  Phase phase = Phase::probing;
  std::size_t tried = 0;
  std::size_t all = 0;
  std::size_t accepted = 0;
  std::size_t returned = 0;
  std::chrono::seconds left{};  // of a waiting
};

class Tester {
 public:
  /// `run` is planned (plan_probes), or comes from a file: then what was tried is not tried again. Outlives the tester.
  /// `on_progress` is called at each change, and once a second while it waits.
  Tester(net::Executor executor, Run& run, Setup setup,
         std::function<void(const Progress&)> on_progress);
  ~Tester();

  /// Probes and waits. Ends when every accepted probe has come back, or the waiting time is over, or after `stop`.
  [[nodiscard]] net::Task<> test();

  /// Ends the run as it stands: what is known is in the Run.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::relaytest
