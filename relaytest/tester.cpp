#include "relaytest/tester.h"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <exception>
#include <utility>

#include "relaytest/judge.h"
#include "relaytest/returns.h"

namespace postern::relaytest {
namespace {

namespace asio = net::asio;

constexpr auto tick = std::chrono::seconds(1);  // how often one looks elsewhere, and tells of it

const CatchManner manner{
    .greeting = "the relay tester of Postern takes back what it sent, and nothing else",
    .refusal = "550 5.7.1 That is none of the messages that this relay tester sent",
    .offers_smtputf8 = true};

bool has_come_back(const ProbeResult& probe) {
  return std::ranges::any_of(probe.returns,
                             [](const Return& it) { return it.what == Return::What::relayed; });
}

std::chrono::seconds seconds_until(net::Clock::time_point time) {
  return std::max(std::chrono::seconds(0),
                  std::chrono::ceil<std::chrono::seconds>(time - net::Clock::now()));
}

}  // namespace

struct Tester::State {
  State(net::Executor executor, Run& the_run, Setup the_setup,
        std::function<void(const Progress&)> tell)
      : run(the_run),
        setup(std::move(the_setup)),
        on_progress(std::move(tell)),
        prober(the_run, setup.pace, [this] { on_probe(); }),
        probing(executor),
        alarm(executor) {}

  net::Task<> probe();
  net::Task<> watch();
  net::Task<> end();
  void listen();
  void look_elsewhere();
  void on_probe();
  bool is_probing() const { return !has_probed && probing.size() > 0; }
  bool is_over() const;
  void tell(bool has_ended) const;
  net::Clock::time_point deadline() const { return last_acceptance + setup.wait; }

  Run& run;
  Setup setup;
  std::function<void(const Progress&)> on_progress;
  std::optional<Catcher> catcher;
  Prober prober;
  net::Nursery probing;
  net::Timer alarm;  // cut short whenever something has changed
  net::Clock::time_point last_acceptance;
  net::Clock::time_point last_look{};
  std::size_t accepted = 0;
  bool has_probed = false;
  bool is_stopped = false;
};

net::Task<> Tester::State::probe() {
  co_await prober.probe_all();
  has_probed = true;
  alarm.cancel();
}

void Tester::State::listen() {
  if (!setup.listener) return;
  Catcher::Options options;
  options.limits.recipients = max_recipients;
  options.limits.line = max_line;
  options.tls = setup.tls;
  options.limits.content = max_content;
  options.limits.kept = max_kept;
  options.manner = manner;
  options.sessions = max_sessions;
  const auto on_message = [this](const CaughtMessage& message) {
    const bool is_ours = note_return(run, message, system_clock::now());
    if (is_ours) alarm.cancel();
    return is_ours;
  };
  catcher.emplace(std::move(*setup.listener), std::move(options), on_message);
  catcher->start();
}

void Tester::State::look_elsewhere() {
  if (!setup.elsewhere || net::Clock::now() < last_look + tick) return;
  last_look = net::Clock::now();
  setup.elsewhere->look(run);
}

void Tester::State::on_probe() {
  const std::size_t now_accepted = count_probes(run, may_come_back);
  if (now_accepted > accepted) last_acceptance = net::Clock::now();
  accepted = now_accepted;
  alarm.cancel();
}

bool Tester::State::is_over() const {
  if (is_stopped) return true;
  if (is_probing()) return false;
  return count_probes(run, is_awaited) == 0 || net::Clock::now() >= deadline();
}

void Tester::State::tell(bool has_ended) const {
  Progress progress;
  progress.tried = prober.tried();
  progress.all = prober.all();
  progress.accepted = count_probes(run, may_come_back);
  progress.returned = count_probes(run, has_come_back);
  if (has_ended) {
    progress.phase = Progress::Phase::over;
  } else if (!is_probing()) {
    progress.phase = Progress::Phase::waiting_for_returns;
    progress.left = seconds_until(deadline());
  } else if (const auto until = prober.waits_until()) {
    progress.phase = Progress::Phase::waiting_to_retry;
    progress.left = seconds_until(*until);
  }
  on_progress(progress);
}

Tester::Tester(net::Executor executor, Run& run, Setup setup,
               std::function<void(const Progress&)> on_progress)
    : state_(std::make_unique<State>(executor, run, std::move(setup), std::move(on_progress))) {}

Tester::~Tester() = default;

/// Until it is over.
net::Task<> Tester::State::watch() {
  for (;;) {
    look_elsewhere();
    tell(false);
    if (is_over()) co_return;
    alarm.expires_after(tick);
    co_await alarm.async_wait(net::as_result);
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) is_stopped = true;
  }
}

net::Task<> Tester::State::end() {
  probing.cancel();
  co_await probing.join();
  if (catcher) co_await catcher->stop();
  last_look = {};
  look_elsewhere();
  run.ended = system_clock::now();
}

net::Task<> Tester::test() {
  // Whatever happens, what was started here is to end here: it knows the state.
  co_await asio::this_coro::throw_if_cancelled(false);
  State& state = *state_;
  state.listen();
  state.accepted = count_probes(state.run, may_come_back);
  state.last_acceptance = net::Clock::now();
  state.probing.start(state.probe());
  std::exception_ptr thrown;
  try {
    co_await state.watch();
  } catch (...) {
    thrown = std::current_exception();  // by who is told of the progress
  }
  co_await state.end();
  if (thrown) std::rethrow_exception(thrown);
  state.tell(true);
}

void Tester::stop() {
  state_->is_stopped = true;
  state_->alarm.cancel();
}

}  // namespace postern::relaytest
