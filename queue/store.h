// What the queue needs from whatever keeps its mail: the seam behind which the log of segments lies
// (`queue/log_store.h`), and later perhaps a database shared by several nodes. Nothing above it knows of files.
//
// All is called on the loop, and answers come back on it. What is appended in one turn of the loop, or while the
// disk is busy, becomes durable together.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "mail/envelope.h"
#include "mail/message_id.h"
#include "net/fd.h"
#include "net/task.h"
#include "queue/record.h"

namespace postern::queue {

inline constexpr std::size_t max_history = 16;  // updates of one message

/// Content on its way in. Thrown away, leaving nothing behind, unless `Store::accept` takes it.
class Draft {
 public:
  virtual ~Draft() = default;
  /// An error, such as no_space_on_device: this content cannot be kept, and the draft is to be thrown away.
  [[nodiscard]] virtual net::Result<> add(std::string bytes) = 0;
  virtual std::uint64_t size() const = 0;  // bytes so far
};

/// A message that is complete.
struct Incoming {
  mail::MessageId id;
  mail::Envelope envelope;
  std::chrono::system_clock::time_point arrival;
  std::unique_ptr<Draft> content;  // made by the store that gets it
  std::optional<Update> reports;   // of another message, where this one is a report
};

/// Content that is too long to be read into memory.
struct ContentFile {
  net::Fd file;
};

struct StoredMessage {
  MessageHead head;
  std::variant<std::string, ContentFile> content;
};

/// The first `size` bytes of the content, or all that there are; empty when it cannot be read.
[[nodiscard]] std::string front_of(const StoredMessage& message, std::size_t size);

/// How much more the store can take.
struct Room {
  bool is_enough =
      false;  // for small messages; the reserve, for updates and bounces, is not counted
  std::uint64_t largest = 0;  // bytes: the largest message
  bool is_broken = false;     // not full: the disk fails

  bool operator==(const Room&) const = default;
};

/// What bounds the store, by configuration.
struct StoreLimits {
  std::uint64_t max_size = 0;  // bytes on disk; 0: what the disk has
  std::uint64_t reserve =
      0;  // bytes that messages leave free for updates; 0: the store's own choice
};

class Store {
 public:
  /// Tells whether something became durable. An error: it did not, and will not be there after a restart.
  using Done = std::function<void(net::Result<>)>;

  /// Who is told at the start what is in the store, in the order in which it came in.
  class Visitor {
   public:
    virtual ~Visitor() = default;
    virtual void on_message(mail::MessageId id, const MessageHead& head) = 0;
    virtual void on_update(
        const Update& update) = 0;  // of a message that was visited; also of others
  };

  /// How things stand with a message that waits, so that the store can write it down again when it moves it: a change
  /// for each recipient that is not as it came in. What is lent counts as waiting.
  using StateOf = std::function<Update(mail::MessageId)>;

  virtual ~Store() = default;

  /// Before `recover`; and again when they change.
  virtual void limit(const StoreLimits& limits) = 0;
  virtual void ask_state_of(StateOf state_of) = 0;

  [[nodiscard]] virtual std::unique_ptr<Draft> begin(mail::MessageId id) = 0;

  /// Makes the message durable, together with what it reports of another one. `done` is called once, and never before
  /// `accept` returns.
  virtual void accept(Incoming message, Done done) = 0;

  /// Writes the update down with the next batch. With an empty `done` nobody waits for it, and it is written again
  /// after a fault: when the power fails before, a recipient may get a message twice, but none is lost.
  virtual void record(Update update, Done done) = 0;

  /// Nothing needs this message any more: its last update was recorded, or it was only ever visited as one that
  /// had ended.
  virtual void release(mail::MessageId id) = 0;

  /// What was accepted, its checksums verified, but for that of a ContentFile: whoever reads it verifies that. An
  /// error `bad_message`: it is damaged.
  [[nodiscard]] virtual net::Result<StoredMessage> read(mail::MessageId id) = 0;

  /// The last updates of a message, oldest first, at most `max_history`: what happened to it.
  [[nodiscard]] virtual net::Result<std::vector<Update>> history(mail::MessageId id) = 0;

  [[nodiscard]] virtual Room room() = 0;

  /// The disk does not keep up, or fails: what is lent out now would only add to the updates that wait for it.
  [[nodiscard]] virtual bool is_behind() const = 0;

  /// Does nothing more of its own accord; before `flushed`, at the end.
  virtual void settle_down() = 0;
  /// Waits until all that was appended is durable or has failed.
  [[nodiscard]] virtual net::Task<> flushed() = 0;
};

}  // namespace postern::queue
