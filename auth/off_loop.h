// Work that takes long is done by another thread, while the loop goes on.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "net/task.h"

namespace postern::auth {

/// Runs `work()` on a thread of `pool`, and gives back what it returned or threw. `work` touches only what nobody else
/// touches meanwhile: best its own copies. It cannot be cancelled, only awaited.
template <class Work, class T = std::invoke_result_t<Work&>>
net::Task<T> off_loop(net::asio::thread_pool& pool, Work work) {
  namespace asio = net::asio;
  auto start = [&pool](auto handler, Work job) {
    auto loop = asio::make_work_guard(asio::get_associated_executor(handler));
    asio::post(pool, [handler = std::move(handler), job = std::move(job),
                      loop = std::move(loop)]() mutable {
      std::optional<T> result;
      std::exception_ptr thrown;
      try {
        result.emplace(job());
      } catch (...) {
        thrown = std::current_exception();
      }
      asio::post(loop.get_executor(),
                 [handler = std::move(handler), result = std::move(result), thrown]() mutable {
                   std::move(handler)(thrown, std::move(result));
                 });
    });
  };
  const asio::use_awaitable_t<net::Executor> token;
  std::optional<T> result =
      co_await asio::async_initiate<const asio::use_awaitable_t<net::Executor>,
                                    void(std::exception_ptr, std::optional<T>)>(start, token,
                                                                                std::move(work));
  co_return std::move(*result);
}

}  // namespace postern::auth
