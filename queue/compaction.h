// Keeps the log small. When too much of it is dead, what lives in the oldest segment is appended to the end once more,
// each message together with how things stand with it; then that segment is dead and goes.
//
// The log takes at most half as much again as what lives in it, and two segments: moving starts one segment before. From
// the oldest on, all dead bytes are met before any message moves twice, so that at most two bytes are moved for each that is
// freed.
//
// A little is moved at a time, along with what else is written, so nobody waits for it longer than for a sync. A message
// about which something is on its way to disk that counts only when it is there is passed over until then: else
// it would be written down as waiting behind the record of its end.
//
// A crash at any moment leaves both copies, or the old one; a copy adds nothing to what is known of a message but where it lies.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "net/task.h"
#include "queue/log_index.h"
#include "queue/log_reader.h"
#include "queue/log_writer.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_moved_at_once =
    256 * 1024;                                          // bytes; the last message may go beyond
inline constexpr std::size_t max_looked_at_once = 4096;  // messages
inline constexpr std::size_t max_read_at_once = 128;     // records of what happened to them

class Compaction {
 public:
  struct Parts {
    LogIndex& index;
    LogReader& reader;
    LogWriter& writer;
    Mark mark;
    std::uint64_t segment_size;
  };
  struct Calls {
    Store::StateOf state_of;
    std::function<void()> after_move;  // what is dead now may go
    /// The record is not what was written; its bytes. Afterwards the message is no longer in the index.
    std::function<net::Result<>(mail::MessageId, std::string)> on_damaged;
  };

  Compaction(net::Executor executor, Parts parts, Calls calls)
      : executor_(executor), parts_(parts), calls_(std::move(calls)), pause_(executor) {}

  /// Between these two calls the message is not moved.
  void hold(mail::MessageId id) { ++held_[id.value()]; }
  void let_go(mail::MessageId id);

  /// Space is short: whatever is dead is worth moving.
  void hurry(bool is_short_of_space) { is_short_of_space_ = is_short_of_space; }

  /// Moves what is to be moved, if that is not being done already.
  void start_where_needed();
  void stop() { is_stopped_ = true; }

 private:
  struct Alive {};

  [[nodiscard]] bool is_needed() const;
  void step();
  void step_soon();
  void step_later();
  [[nodiscard]] net::Result<std::size_t> move(mail::MessageId id, const Place& place);
  void on_failure(mail::MessageId id, const net::error_code& error);
  void on_moved(mail::MessageId id, const Place& from, Place to,
                net::Result<SegmentFile::Position> at);

  net::Executor executor_;
  Parts parts_;
  Calls calls_;
  std::unordered_map<std::uint64_t, unsigned> held_;  // by message id: how often
  bool is_short_of_space_ = false;
  bool is_stopped_ = false;
  bool is_busy_ = false;
  std::uint32_t segment_ = 0;  // that is being emptied
  std::size_t next_ = 0;       // of the messages in it
  std::size_t moving_ = 0;     // copies on their way to disk
  bool has_failed_ = false;    // one of them
  net::Clock::time_point next_alarm_;
  net::Timer pause_;  // when something could not be moved
  std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();
};

}  // namespace postern::queue
