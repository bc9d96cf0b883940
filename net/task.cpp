#include "net/task.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>

#include "net/log.h"

namespace postern::net {

void Nursery::start(Task<> task) {
  auto signal = running_.emplace(running_.end());
  auto ended = [this, signal](std::exception_ptr thrown) {
    running_.erase(signal);
    if (running_.empty()) all_ended_.cancel();
    if (!thrown) return;
    try {
      std::rethrow_exception(thrown);
    } catch (const boost::system::system_error& error) {
      if (error.code() != asio::error::operation_aborted) log_bug(error.what());
    } catch (const std::exception& error) {
      log_bug(error.what());
    }
  };
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(signal->slot(), std::move(ended)));
}

void Nursery::cancel() {
  // A handler may end at once and erase its own signal: step on before emitting.
  for (auto signal = running_.begin(); signal != running_.end();) {
    (signal++)->emit(asio::cancellation_type::terminal);
  }
}

Task<> Nursery::join() {
  while (!running_.empty()) co_await all_ended_.async_wait(as_result);
}

Task<> sleep_for(Clock::duration duration) {
  auto executor = co_await asio::this_coro::executor;
  Timer timer(executor, duration);
  co_await timer.async_wait(asio::use_awaitable_t<Executor>{});
}

}  // namespace postern::net
