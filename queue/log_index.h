// Where everything lies in the log, and how much of it still lives: the accounts by which segments are deleted and
// compacted. Values only; the files are the store's.
//
// A message lives from when its record is durable until it is released. What lives of a segment are the records of its
// living messages, and what was written down about them when they were moved; all else is dead.
#pragma once

#include <cstdint>
#include <forward_list>
#include <map>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "mail/message_id.h"
#include "queue/segment.h"
#include "queue/store.h"

namespace postern::queue {

/// A message's record.
struct Place {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;     // of the payload
  std::uint32_t companion = 0;  // bytes of the update that was moved along with it

  std::uint64_t size() const { return record_header_size + length + companion; }
  bool operator==(const Place&) const = default;
};

/// Any record.
struct RecordPlace {
  std::uint32_t segment = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;  // of the payload
};

class LogIndex {
 public:
  /// The log reaches up to `end` in this segment now. True: the segment is new.
  bool reach(std::uint32_t segment, Mark mark, std::uint64_t end);
  /// The segment is to be kept for as long as this index lives.
  void pin(std::uint32_t segment);

  /// A later copy of a message takes the place of the one before. `file_size`: bytes of content in a file of its own.
  void put(mail::MessageId id, Place place, std::optional<std::uint64_t> file_size);
  [[nodiscard]] const Place* find(mail::MessageId id) const;
  bool has_file(mail::MessageId id) const { return files_.contains(id.value()); }
  Mark mark_of(std::uint32_t segment) const { return segments_.at(segment).mark; }

  /// A record that tells what happened to a message; the last `max_history` are remembered.
  void note(mail::MessageId id, RecordPlace record);
  [[nodiscard]] std::vector<RecordPlace> history(mail::MessageId id) const;
  /// From now on only this one tells it.
  void replace_history(mail::MessageId id, RecordPlace record);

  void release(mail::MessageId id);

  /// Takes the oldest segment out, when nothing in it lives. The newest stays: it may be the one that is written.
  [[nodiscard]] std::optional<std::uint32_t> take_dead_front();
  /// The oldest segment, when there is another.
  [[nodiscard]] std::optional<std::uint32_t> front() const;
  /// The messages that were ever put into a segment, in the order of the log; they may live elsewhere by now.
  [[nodiscard]] std::span<const std::uint64_t> messages_put_into(std::uint32_t segment) const;

  std::size_t segments() const { return segments_.size(); }
  std::uint64_t bytes() const { return bytes_; }            // of all segments
  std::uint64_t live_bytes() const { return live_bytes_; }  // of these
  std::uint64_t file_bytes() const {
    return file_bytes_;
  }  // of large contents, each in its own file

 private:
  struct Segment {
    Mark mark = 0;
    std::uint64_t size = 0;
    std::size_t live = 0;  // messages, and one more where it is pinned
    std::vector<std::uint64_t> put;
  };

  // A million messages were tried once: a node takes 32 bytes, a vector in a map 88.
  struct Known {
    Place place;
    std::forward_list<RecordPlace> history;  // youngest first
  };

  void forget(const Place& place);

  std::map<std::uint32_t, Segment> segments_;
  std::unordered_map<std::uint64_t, Known> known_;          // by message id
  std::unordered_map<std::uint64_t, std::uint64_t> files_;  // sizes, by message id
  std::uint64_t bytes_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
};

}  // namespace postern::queue
