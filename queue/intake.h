// The conversations with the smtpd processes: takes messages in (frames: Open, Chunk, Commit, Abort; Admission,
// Committed, Refused). Committed is sent when the store says that the message is durable, and never else.
//
// When an smtpd's channel ends, what it had not committed is thrown away. What it had committed is mail, even if
// nobody hears of it any more (its client may send it again: RFC 1047).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "net/channel.h"
#include "net/frames.h"
#include "net/task.h"
#include "queue/queue.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_open = 5000;  // messages that one smtpd sends at the same time
inline constexpr std::size_t max_envelope_text = 1024;  // octets: a name, ENVID, ORCPT
inline constexpr std::size_t room_step =
    512 * 1024;  // bytes of content, after which the room is measured again
inline constexpr std::size_t max_recipients =
    3000;  // of one message; what happened to them fits into a record

class Intake {
 public:
  /// `on_new`: a message waits to be delivered.
  Intake(net::Executor executor, Store& store, Queue& queue, std::function<void()> on_new)
      : store_(store),
        queue_(queue),
        on_new_(std::move(on_new)),
        clients_(executor),
        room_(store.room()),
        committed_(executor, net::Timer::time_point::max()) {}

  /// Throws away what is not committed.
  ~Intake();

  /// A new channel from smtpd number `instance`.
  void connect(std::uint32_t instance, net::Fd channel);

  /// Tells all smtpds when it has changed whether there is room for mail.
  void check_room();

  /// Refuses all that is not yet committed, and waits until what is has been answered, for at most `limit`.
  [[nodiscard]] net::Task<> drain(net::Clock::duration limit);

 private:
  using Channel = net::Channel<frames::QueueToSmtpd, frames::SmtpdToQueue>;
  struct Opened {
    mail::Envelope envelope;
    std::unique_ptr<Draft> content;
  };
  struct Client {
    Client(net::Executor executor, net::Fd fd) : channel(executor, std::move(fd)) {}
    Channel channel;
    std::unordered_map<std::uint64_t, Opened> open;  // by message id
  };

  net::Task<> serve(std::uint32_t instance, std::shared_ptr<Client> client);
  void on_frame(const std::shared_ptr<Client>& client, frames::Open frame);
  void on_frame(const std::shared_ptr<Client>& client, frames::Chunk frame);
  void on_frame(const std::shared_ptr<Client>& client, frames::Commit frame);
  void on_frame(const std::shared_ptr<Client>& client, frames::Abort frame);
  void on_durable(mail::MessageId id, const MessageHead& head, net::Result<> result,
                  const std::shared_ptr<Client>& client);
  [[nodiscard]] frames::Admission admission() const;
  [[nodiscard]] bool is_known(mail::MessageId id) const;

  Store& store_;
  Queue& queue_;
  std::function<void()> on_new_;
  std::map<std::uint32_t, std::shared_ptr<Client>> connected_;
  net::Nursery clients_;
  Room room_;
  std::size_t taken_ = 0;  // bytes of content since the room was measured
  bool is_draining_ = false;
  std::unordered_set<std::uint64_t>
      committing_;        // ids: handed to the store, which has not answered yet
  net::Timer committed_;  // cancelled when nothing is being committed
};

}  // namespace postern::queue
