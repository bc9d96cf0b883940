// Coroutines: their type, how their errors come back, and who owns them.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/result.hpp>
#include <chrono>
#include <list>

namespace postern::net {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

// One thread and one loop a role: the concrete executor, instead of asio's type-erased one, saves a fifth of the CPU.
using Executor = asio::io_context::executor_type;
/// For an io_context whose sockets and timers are touched by the one thread that runs it. Others may post to it.
inline constexpr int one_thread = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;
template <class T = void>
using Task = asio::awaitable<T, Executor>;
template <class T = void>
using Result = boost::system::result<T>;

using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
using UnixSocket = asio::basic_stream_socket<asio::local::stream_protocol, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

/// Completion token: the operation is awaited and its error is a value, `auto [error, n] = co_await ...`.
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable_t<Executor>{});

/// The owner of coroutines: starts them, can cancel them all, and waits until all have ended. Outlives what it started.
class Nursery {
 public:
  explicit Nursery(Executor executor) : executor_(executor), all_ended_(executor) {
    all_ended_.expires_at(Timer::time_point::max());
  }
  Nursery(const Nursery&) = delete;
  Nursery& operator=(const Nursery&) = delete;

  /// Starts `task`. An exception that leaves it is logged as a bug and ends that task only; cancellation is silent.
  void start(Task<> task);

  /// Asks all to end: what they await fails with operation_aborted, and their next await throws. To be
  /// called on the loop: from elsewhere Asio posts it, and a task that ends meanwhile has taken its signal with it.
  void cancel();

  /// Waits until none is left.
  [[nodiscard]] Task<> join();

  std::size_t size() const { return running_.size(); }
  Executor executor() const { return executor_; }

 private:
  Executor executor_;
  Timer all_ended_;
  std::list<asio::cancellation_signal> running_;
};

/// Waits on the loop. Cancellable.
[[nodiscard]] Task<> sleep_for(Clock::duration duration);

}  // namespace postern::net
