// One file of the spool: an append-only sequence of records. On disk, integers little-endian:
//
//   offset  size  the segment's header
//        0     8  "PoSegmt" and the version of the format, 3
//        8     8  mark: a random number, the same all over one spool
//       16     4  number of the segment
//       20     4  CRC-32C over bytes 0..19
//   then records, each:
//        0     8  mark
//        8     4  length of the payload in bytes, at most max_payload
//       12     1  type: 2 update, 3 seal, 4 message; 1 message of version 1
//       13     8  message id (of a seal: 0)
//       21     4  CRC-32C over bytes 0..20 and the payload
//       25     n  payload (`queue/record.h`)
//
// A record is committed when fdatasync returns after its last byte, and the segment's name is in a synced
// directory. A shorter tail is a torn write: normal, cut off. Zeros may stand behind it: room that was written ahead, of
// which nobody can tell whether it was ever more. A power cut may also keep the end of a batch that was not synced, and not
// its beginning: that looks like damage, and is told as such, for the last segment only. After
// a failed write or sync the segment is dead: never written again, and what lies behind its last committed record is
// never trusted (the kernel may have dropped some pages and kept others). The segment after it says in its first record,
// the seal, where that was.
//
// Version 1 differs in its messages, whose envelopes had no wishes about reports; version 2 knew no recipients that are held.
// Both are read, and not written any more. A newer version is left alone; its header keeps these 24 bytes, so that a
// damaged version is not taken for a newer one.
//
// The mark is how a reader finds the next record behind a damaged one. It is secret: content is written by
// strangers, and who knew the mark could hide forged records in it. It never leaves the spool, whose directory
// only the queue can read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "mail/message_id.h"

namespace postern::queue {

enum class RecordType : std::uint8_t { old_message = 1, update = 2, seal = 3, message = 4 };

using Mark = std::uint64_t;

inline constexpr std::size_t segment_header_size = 24;
inline constexpr std::size_t record_header_size = 25;
/// The longest payload: content up to `max_inline_content`, and an envelope of thousands of the longest recipients, or what
/// was answered about each of them.
inline constexpr std::size_t max_payload = 8 * 1024 * 1024;

/// The header of segment `number`.
[[nodiscard]] std::string segment_header(Mark mark, std::uint32_t number);

/// The header of a record, which the bytes of `front` and then of `back` follow as its payload.
[[nodiscard]] std::string record_header(Mark mark, RecordType type, mail::MessageId id,
                                        std::string_view front, std::string_view back = {});

struct Record {
  RecordType type = RecordType::message;
  mail::MessageId id;
  std::string_view payload;
  std::uint64_t offset = 0;  // of the record's header in its segment
};

/// The record at the front of `bytes`, when it is whole and undamaged.
[[nodiscard]] std::optional<Record> parse_record(Mark mark, std::string_view bytes);

/// Bytes in the middle of a segment that are no record.
struct Damage {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SegmentHeader {
  unsigned version = 0;
  Mark mark = 0;
  std::uint32_t number = 0;
};
/// The header of a segment, of whatever version; nothing: it is none, or damaged.
[[nodiscard]] std::optional<SegmentHeader> header_of(std::string_view segment);
/// The mark in the header of a segment that is understood; nothing: it is none, or damaged, or of a newer version.
[[nodiscard]] std::optional<Mark> mark_of(std::string_view segment);
inline constexpr unsigned format_version = 3;

/// The message to which the damaged record at the front of `bytes` says that it belongs.
[[nodiscard]] std::optional<mail::MessageId> claimed_id(Mark mark, std::string_view bytes);

/// Reads a segment from the start to the end: every record that is whole, and what was damaged between them.
class SegmentReader {
 public:
  using Item = std::variant<Record, Damage>;

  /// `segment` is all of the file. `mark` is for a segment whose own header is damaged, which is then the first item.
  SegmentReader(std::string_view segment, Mark mark);

  /// The next record or damaged range; nothing: the rest is no record, `valid_end` is where it starts.
  [[nodiscard]] std::optional<Item> next();

  /// The end of the last whole record so far. What lies behind the last of all is a torn tail.
  std::uint64_t valid_end() const { return valid_end_; }

 private:
  [[nodiscard]] std::optional<Record> record_at(std::size_t offset) const;

  std::string_view segment_;
  Mark mark_;
  std::size_t at_ = segment_header_size;
  std::uint64_t valid_end_ = segment_header_size;
  bool is_header_damaged_;
};

}  // namespace postern::queue
