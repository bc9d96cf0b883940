// How a spool is read: all its segments, in order, each from front to end. Nothing is changed by it, and no lock is
// needed: `postern spool verify` reads a spool that is in use in the same way.
//
// Nothing that is found stops the reading. What is not as Postern wrote it is told as a finding, and reading goes on
// at the next whole record. What becomes of a finding is for others to say (`queue/quarantine.h`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/task.h"
#include "queue/disk.h"
#include "queue/record.h"
#include "queue/segment.h"

namespace postern::queue {

/// A longer file is none of ours.
inline constexpr std::uint64_t max_segment_file = 256 * 1024 * 1024;

struct RecoveredSegment {
  std::uint32_t number = 0;
  Mark mark = 0;
  std::uint64_t end = 0;     // of its last whole record
  std::uint64_t size = 0;    // of its file, bytes
  bool is_sealed = false;    // a later segment said where it ends
  bool is_readable = false;  // false: the disk would not give it, so it is kept whatever happens
};

/// Something in the spool that is not as Postern wrote it.
struct Finding {
  enum class Kind {
    torn,  // behind the last record of all: a write that was cut off, which nobody was told had succeeded. Normal.
    damage,      // bytes of a file of ours
    missing,     // a file, or the end of one, that should be there
    foreign,     // a file that is none of ours, or stands in the wrong place
    unreadable,  // a segment that the disk, or its owner, does not give
  };
  Kind kind = Kind::damage;
  std::string file;
  std::uint64_t begin = 0;  // bytes of the file, where not all of it is meant
  std::uint64_t end = 0;
  std::string what;                   // in words
  std::optional<mail::MessageId> id;  // whose record it is, as far as that can still be read
};

/// Who is given what is read.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void on_message(const RecoveredSegment& segment, const Record& record,
                          const MessagePayload& payload) = 0;
  /// `record` is one of the update, or of a message that reports it.
  virtual void on_update(const RecoveredSegment& segment, const Record& record,
                         const Update& update) = 0;
  /// `bytes` of damage: what lies there.
  virtual void on_finding(const Finding& finding, std::string_view bytes) = 0;
};

/// The names in the directory that are none of a spool, or no regular files; and a `mark` that says something else than
/// the segments do. Contents of messages are not looked into.
[[nodiscard]] net::Result<std::vector<Finding>> strangers(const Disk& disk);

/// Whether Postern has been here before: there is a mark, or a name of a segment or a content.
[[nodiscard]] bool is_spool(const Disk& disk);

/// What is wrong with the file of a large content of `size` bytes, as far as its length tells; nothing: all is well.
[[nodiscard]] std::optional<Finding> content_fault(const Disk& disk, mail::MessageId id,
                                                   std::uint64_t size);

/// The mark of the spool: what the file `mark` says, if a segment bears it or there is none; else what
/// most segments say; nothing: neither is there.
[[nodiscard]] net::Result<std::optional<Mark>> find_mark(const Disk& disk);
/// The same, made up where there is none, and written down where the file `mark` does not say it.
[[nodiscard]] net::Result<Mark> settle_mark(Disk& disk);

/// Reads all segments of this mark. An error `protocol_not_supported`: a newer Postern wrote this spool. Another error: it
/// cannot be read now, for want of descriptors or memory, or because a segment is another user's: without it, what has ended
/// would come back.
[[nodiscard]] net::Result<std::vector<RecoveredSegment>> replay(const Disk& disk, Mark mark,
                                                                RecordSink& sink);

}  // namespace postern::queue
