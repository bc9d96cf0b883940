// The control socket, over which `postern queue ...` looks into the queue and acts on it. Its file decides who may
// connect; every action is logged with who did it (SO_PEERCRED). A frame that cannot be read ends that client, and nothing
// else.
//
// However long an answer is, it is made in slices, between which the loop serves everybody else; for a client that does not
// read its answer it is made no further. Where all `max_control_clients` are there, more wait to be accepted, and a client
// that has let us wait for longer than `Patience` (for its question, or to read) makes room for them.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/channel.h"
#include "net/frames.h"
#include "net/task.h"
#include "queue/queue.h"
#include "queue/reporter.h"
#include "queue/store.h"

namespace postern::net {
template <>
inline constexpr bool is_between_roles<frames::ToControl> = false;
}

namespace postern::queue {

class Errand;
class Selection;

inline constexpr std::size_t max_control_clients = 16;
inline constexpr std::chrono::seconds patience_with_clients{10};

class Control {
 public:
  /// `on_change`: what is due may have changed.
  Control(net::Executor executor, Store& store, Queue& queue, Reporter& reporter,
          std::function<void()> on_change, net::Clock::duration patience = patience_with_clients)
      : store_(store),
        queue_(queue),
        reporter_(reporter),
        on_change_(std::move(on_change)),
        patience_(patience),
        tasks_(executor),
        acceptor_(executor) {}

  /// Serves this listening socket from now on, and no other.
  void listen(net::Fd socket);

 private:
  using Acceptor =
      net::asio::basic_socket_acceptor<net::asio::local::stream_protocol, net::Executor>;
  using Channel = net::Channel<frames::FromControl, frames::ToControl>;

  struct Client : std::enable_shared_from_this<Client> {
    Client(net::Executor executor, net::Fd socket) : channel(executor, std::move(socket)) {}

    Channel channel;
    std::string name;                       // for the log
    std::optional<SteadyTime> waits_since;  // for it to ask, or to read
  };
  class Slice;

  net::Task<> accept();
  [[nodiscard]] bool make_room();
  // `serve` owns the client; what it awaits borrows it. (g++ 12 destroys a shared_ptr that is copied into an awaited call twice.)
  net::Task<> serve(std::shared_ptr<Client> client);
  net::Task<> answer(Client& client, frames::QueueList request);
  net::Task<> answer(Client& client, frames::QueueShow request);
  net::Task<> answer(Client& client, frames::QueueAct request);
  void act(mail::MessageId id, const Selection& selection, Errand& errand,
           const std::shared_ptr<Slice>& slice);
  [[nodiscard]] std::vector<frames::QueuedMessage> whole(mail::MessageId id,
                                                         const net::Result<StoredMessage>& stored,
                                                         std::string& error);
  net::Task<> send_content(Client& client, const StoredMessage& message);
  net::Task<> send(Client& client, const std::vector<frames::QueuedMessage>& parts);
  net::Task<> drained(Client& client);

  Store& store_;
  Queue& queue_;
  Reporter& reporter_;
  std::function<void()> on_change_;
  net::Clock::duration patience_;
  std::list<std::weak_ptr<Client>> clients_;  // each lives as long as it is served
  net::Nursery tasks_;
  Acceptor acceptor_;
};

}  // namespace postern::queue
