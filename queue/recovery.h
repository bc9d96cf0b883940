// How a spool is read at the start: all its segments, in order, each from front to end.
//
// Nothing that is found stops the start. A torn tail is what a power cut leaves, and is passed over in silence.
// Damage anywhere else is reported loudly, its bytes are copied to `damaged/`, and reading goes on at the next
// whole record.
#pragma once

#include <cstdint>
#include <string>
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

/// Who is given what is found.
class RecordSink {
 public:
  virtual ~RecordSink() = default;
  virtual void on_message(const RecoveredSegment& segment, const Record& record,
                          const MessagePayload& payload) = 0;
  /// `record` is one of the update, or of a message that reports it.
  virtual void on_update(const RecoveredSegment& segment, const Record& record,
                         const Update& update) = 0;
};

/// The numbers of the segments in the directory, in order.
[[nodiscard]] std::vector<std::uint32_t> segments_among(const std::vector<std::string>& names);

/// The mark of the spool: from the file `mark`, or else from a segment; a new random one where there is neither.
[[nodiscard]] net::Result<Mark> find_mark(Disk& disk);

/// Reads all segments. An error `protocol_not_supported`: a newer Postern wrote this spool; nothing was changed.
[[nodiscard]] net::Result<std::vector<RecoveredSegment>> replay(Disk& disk, Mark mark,
                                                                RecordSink& sink);

}  // namespace postern::queue
