#include "relaytest/role.h"

#include <sysexits.h>
#include <unistd.h>

#include <csignal>

#include "net/channel.h"
#include "net/frames.h"
#include "net/log.h"
#include "relaytest/self_test.h"

namespace postern::relaytest {
namespace {

// Then what is known is told: the supervisor waits for five minutes, and would learn nothing.
constexpr auto enough = std::chrono::minutes(4);

class Selftest {
 public:
  explicit Selftest(net::Fd supervisor) : channel_(loop_.get_executor(), std::move(supervisor)) {}

  int run() {
    net::Nursery nursery(loop_.get_executor());
    nursery.start(live());
    loop_.run();
    return exit_code_;
  }

 private:
  net::Task<> live() {
    try {
      co_await answer();
    } catch (const std::exception& error) {
      net::log_bug(error.what());
      exit_code_ = EX_SOFTWARE;
    }
    loop_.stop();
  }

  net::Task<> answer() {
    auto settings = co_await channel_.receive();
    if (!settings) co_return;
    net::Nursery watching(loop_.get_executor());
    watching.start(watch_supervisor());
    co_await test(std::get<frames::SelftestSettings>(*settings));
    // The supervisor ends the conversation once it has the answer.
    co_await watching.join();
  }

  net::Task<> test(frames::SelftestSettings& settings) {
    SelfTest test = co_await plan_self_test(settings);
    Setup setup = self_test_setup(loop_.get_executor(), settings);
    Tester tester(loop_.get_executor(), test.run, std::move(setup), [](const Progress&) {});
    net::Timer patience(loop_.get_executor(), enough);
    patience.async_wait([&tester](net::error_code error) {
      if (!error) tester.stop();
    });
    co_await tester.test();
    patience.cancel();
    channel_.send(self_result_of(test, settings.hostname));
  }

  // Nothing is said any more: this returns when the supervisor has gone, or has enough of us. There is nothing to tidy up.
  net::Task<> watch_supervisor() {
    auto end = co_await channel_.receive();
    if (!end) ::_exit(EX_OK);
  }

  net::asio::io_context loop_{1};
  net::Channel<frames::ToSupervisor, frames::ToSelftest> channel_;
  int exit_code_ = EX_OK;
};

}  // namespace

int run(net::Fd supervisor) {
  net::end_process_at_bad_frames();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_IGN);
  return Selftest(std::move(supervisor)).run();
}

}  // namespace postern::relaytest
