#include "daemon/selftest.h"

#include <sys/wait.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>

#include "daemon/selftest_plan.h"
#include "net/log.h"

namespace postern::daemon {
namespace {

using frames::SelftestResult;
using net::Level;

constexpr auto limit = std::chrono::minutes(5);  // for a test as a whole

constexpr const char* what_to_do =
    "no more mail is taken; what is in the queue is delivered. Find out why this door trusts "
    "strangers (a proxy or a gateway that "
    "hides their addresses behind one in mynetworks?), mend access.mynetworks, reload";

std::string end_of(int status) {
  return WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

/// True: a finding.
bool report(const SelftestResult& result, const std::string& source) {
  for (std::size_t i = 0; i < result.gaps.size() && i < frames::max_gaps; ++i)
    net::log(Level::warning, "selftest-skipped", {{"why", result.gaps[i]}});
  switch (result.verdict) {
    case SelftestResult::Verdict::passed:
      net::log("selftest-passed",
               {{"doors", result.doors}, {"probes", result.probes}, {"source", source}});
      return false;
    case SelftestResult::Verdict::inconclusive:
      net::log(Level::warning, "selftest-inconclusive",
               {{"door", result.door}, {"why", result.evidence}, {"doors", result.doors}});
      return false;
    case SelftestResult::Verdict::returned:
      net::log(Level::error, "selftest-open",
               {{"door", result.door},
                {"trick", result.trick},
                {"why", "a message of a stranger was taken, and came back: this is an open relay"},
                {"evidence", result.evidence},
                {"then", what_to_do}});
      return true;
    case SelftestResult::Verdict::accepted:
      net::log(Level::error, "selftest-accepted",
               {{"door", result.door},
                {"trick", result.trick},
                {"why", "a message of a stranger was taken; it has not come back yet"},
                {"evidence", result.evidence},
                {"then", what_to_do}});
      return true;
  }
  return false;
}

}  // namespace

Selftest::Selftest(net::Executor executor, std::function<void()> on_finding)
    : executor_(executor), on_finding_(std::move(on_finding)), nursery_(executor) {}

void Selftest::start(const Config& config) {
  next_.reset();
  if (config.selftest.at_start) next_ = config;
  if (is_running_) {
    is_given_up_ = true;
    kill();
  } else if (next_) {
    is_running_ = true;
    nursery_.start(work());
  }
}

net::Task<> Selftest::stop() {
  next_.reset();
  is_given_up_ = true;
  kill();
  co_await nursery_.join();
}

void Selftest::kill() {
  if (pid_ != 0) ::kill(pid_, SIGKILL);
}

net::Task<> Selftest::work() {
  while (next_) {
    is_given_up_ = false;
    Config config = std::move(*next_);
    next_.reset();
    try {
      co_await test(std::move(config));
    } catch (const std::exception& failure) {  // out of processes, descriptors, memory
      net::log(Level::warning, "selftest-inconclusive", {{"why", failure.what()}});
    }
  }
  is_running_ = false;
}

net::Task<> Selftest::test(Config config) {
  Vantage vantage;  // until the end of the test
  SelftestPlan plan = prepare_selftest(config, vantage);
  if (plan.settings.doors.empty()) {
    for (const std::string& gap : plan.gaps)
      net::log(Level::warning, "selftest-skipped", {{"why", gap}});
    co_return;
  }
  std::string end;
  net::Result<SelftestResult> result = co_await ask(std::move(plan.settings), end);
  if (is_given_up_) co_return;
  if (!result) {
    net::log(Level::warning, "selftest-inconclusive", {{"why", end}});
    co_return;
  }
  result->gaps.insert(result->gaps.begin(), plan.gaps.begin(), plan.gaps.end());
  if (report(*result, plan.source)) on_finding_();
}

/// The answer of a process that is started for it, and has ended. An error: it gave none; `end` says how it ended.
net::Task<net::Result<SelftestResult>> Selftest::ask(frames::SelftestSettings settings,
                                                     std::string& end) {
  auto [ours, theirs] = net::socket_pair();
  Channel channel(executor_, std::move(ours));
  Child child =
      start_role(frames::Role::selftest, user_of(frames::Role::selftest), std::move(theirs));
  pid_ = child.pid;
  net::log("selftest-started", {{"pid", child.pid}, {"doors", settings.doors.size()}});
  channel.send(std::move(settings));

  is_late_ = false;
  net::Timer patience(executor_, limit);
  patience.async_wait([this, pid = child.pid](net::error_code error) {
    if (error || pid_ != pid) return;
    is_late_ = true;
    kill();
  });
  auto frame = co_await channel.receive();
  if (frame) kill();  // it has said what it had to say
  net::asio::posix::basic_stream_descriptor<net::Executor> ended(executor_, child.exit.release());
  co_await ended.async_wait(net::asio::posix::stream_descriptor::wait_read, net::as_result);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = 0;
  end = is_late_ ? fmt::format("not done within {} minutes", limit.count())
                 : "its process ended: " + end_of(status);
  if (!frame) co_return frame.error();
  if (auto* result = std::get_if<SelftestResult>(&*frame)) co_return std::move(*result);
  co_return make_error_code(boost::system::errc::protocol_error);
}

}  // namespace postern::daemon
