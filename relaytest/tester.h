// A whole run: listens, probes, waits for what comes back, and says when nothing more can come.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "net/task.h"
#include "relaytest/catcher.h"
#include "relaytest/prober.h"
#include "relaytest/returns_elsewhere.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// What a run needs beside its own facts.
struct Setup {
  Pace pace;
  // For returns, from the last accepted probe on; of a run that is resumed, from its beginning. Nothing accepted: no waiting.
  std::chrono::milliseconds wait = std::chrono::minutes(15);
  std::optional<net::TcpAcceptor>
      listener;  // listens already; nothing: returns are only read elsewhere
  net::SslContext
      tls{};  // for the listener (undemanding_tls.h); null: it offers no STARTTLS, and a relay that insists looks like a sink
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
  // Of the listener, which may stand open to everybody. It takes any recipient, for a relay may hand on a trick's path as it is,
  // but of the messages only those with a token of the run.
  static constexpr std::size_t max_sessions = 200;
  static constexpr std::size_t max_recipients = 100;         // of a message (RFC 5321, 4.5.3.1.8)
  static constexpr std::size_t max_line = 2048;              // octets of a command
  static constexpr std::uint64_t max_content = 1024 * 1024;  // octets of a message
  static constexpr std::size_t max_kept =
      256 * 1024;  // of its front, of a session: where a token is looked for

  /// `run` is planned (plan_probes), or comes from a file: then what was tried is not tried again. Outlives the tester.
  /// `on_progress` is called when something has changed, and once a second.
  Tester(net::Executor executor, Run& run, Setup setup,
         std::function<void(const Progress&)> on_progress);
  ~Tester();

  /// Probes and waits. Ends when every accepted probe has come back or bounced, or the waiting time is over, or after `stop`.
  /// Once: a tester makes one run. To be awaited to its end, before the tester goes; to cancel it is to stop it.
  [[nodiscard]] net::Task<> test();

  /// Ends the run as it stands, within a second or two: what is known is in the Run.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace postern::relaytest
