// The control socket, over which `postern queue ...` looks into the queue and acts on it. Its file decides who may
// connect; every action is logged with who did it (SO_PEERCRED).
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "net/channel.h"
#include "net/frames.h"
#include "net/task.h"
#include "queue/queue.h"
#include "queue/store.h"

namespace postern::net {
template <>
inline constexpr bool is_between_roles<frames::ToControl> = false;
}

namespace postern::queue {

inline constexpr std::size_t max_control_clients = 16;

class Control {
 public:
  /// `on_change`: what is due may have changed.
  Control(net::Executor executor, Store& store, Queue& queue, std::function<void()> on_change)
      : store_(store),
        queue_(queue),
        on_change_(std::move(on_change)),
        clients_(executor),
        acceptor_(executor) {}

  /// Serves this listening socket from now on, and no other.
  void listen(net::Fd socket);

  using Channel = net::Channel<frames::FromControl, frames::ToControl>;
  /// Serves one client until it goes.
  [[nodiscard]] net::Task<> serve(std::shared_ptr<Channel> channel);

 private:
  using Acceptor =
      net::asio::basic_socket_acceptor<net::asio::local::stream_protocol, net::Executor>;

  struct Deletion;

  net::Task<> accept();
  net::Task<> answer(std::shared_ptr<Channel> channel, frames::QueueList request);
  net::Task<> answer(std::shared_ptr<Channel> channel, frames::QueueShow request);
  net::Task<> answer(std::shared_ptr<Channel> channel, frames::QueueAct request);
  net::Task<> flush(std::shared_ptr<Channel> channel, frames::QueueFilter which);
  net::Task<> remove(std::shared_ptr<Channel> channel, frames::QueueFilter which);
  void remove(mail::MessageId id, const std::shared_ptr<Deletion>& deletion);
  void on_removed(const Update& update, net::Result<> result, Deletion& deletion,
                  const Moment& now);
  [[nodiscard]] std::optional<frames::QueuedMessage> describe(mail::MessageId id, bool with_header);
  [[nodiscard]] std::vector<mail::MessageId> chosen(std::vector<mail::MessageId> ids);

  Store& store_;
  Queue& queue_;
  std::function<void()> on_change_;
  net::Nursery clients_;
  Acceptor acceptor_;
};

}  // namespace postern::queue
