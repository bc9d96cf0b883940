// What the records of a spool hold (their frame: `queue/segment.h`), encoded by `net/codec.h`.
//
// All records are absolute: to read one twice, or again after a later one was lost, does no harm. So a record that
// may or may not have reached the disk can simply be written once more.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/envelope.h"
#include "mail/message_id.h"
#include "mail/reply.h"
#include "net/frames.h"
#include "queue/segment.h"

namespace postern::queue {

using frames::RecipientState;

/// What was said about a recipient, by whom, when.
struct Answer {
  mail::Reply reply;
  std::string remote;  // `mx.example[192.0.2.1]:25`; empty: nobody could be asked
  std::chrono::system_clock::time_point time;

  bool is_given() const { return reply.code != 0; }  // false: it was not tried yet
};

/// How things stand with one recipient from now on.
struct Change {
  std::uint32_t recipient = 0;  // index in the envelope
  RecipientState state =
      RecipientState::waiting;  // never `leased`: what is lent is lent by a living process only
  std::uint32_t attempts = 0;
  std::chrono::system_clock::time_point next_attempt;
  Answer answer;
};

/// The payload of an update record: news about a message that is in the spool.
struct Update {
  mail::MessageId id;
  std::vector<Change> changes;
  bool is_warned = false;  // its sender has been told of the delay
};

/// The front of a message record's payload, behind its 32-bit length; the content follows, unless it lies in a file.
struct MessageHead {
  mail::Envelope envelope;
  std::chrono::system_clock::time_point arrival;
  std::uint64_t size = 0;   // bytes of content
  std::uint32_t crc = 0;    // CRC-32C of it
  bool is_in_file = false;  // the content is the file `ID.msg`, synced before this record was
  /// For a report: what it reports. One record holds both, so a failure and its bounce are both durable, or neither.
  std::optional<Update> reports;
};

/// One entry of a seal's payload: behind `end` nothing in that segment counts.
struct SegmentEnd {
  std::uint32_t segment = 0;
  std::uint64_t end = 0;
};
using Seal = std::vector<SegmentEnd>;

/// The front of a message record's payload, behind which its content follows.
[[nodiscard]] std::string message_front(const MessageHead& head);

/// A message record's payload taken apart.
struct MessagePayload {
  MessageHead head;
  std::string_view content;  // empty: it lies in a file
};
/// Nothing: the payload is none, or that of another type.
[[nodiscard]] std::optional<MessagePayload> parse_message(RecordType type,
                                                          std::string_view payload);

}  // namespace postern::queue
