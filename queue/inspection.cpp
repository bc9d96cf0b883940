#include "queue/inspection.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "net/checksum.h"
#include "queue/spool_names.h"

namespace postern::queue {
namespace {

using Kind = Finding::Kind;
using net::Result;

constexpr std::size_t chunk = 1024 * 1024;

// What is known of a message while the log is read.
struct Known {
  std::uint64_t record_bytes = 0;  // of its last copy
  std::chrono::system_clock::time_point arrival;
  std::set<std::uint32_t> ended;  // recipients
  std::size_t recipients = 0;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  bool is_in_file = false;

  bool is_over() const { return ended.size() == recipients; }
};

class Collector final : public RecordSink {
 public:
  void on_message(const RecoveredSegment& segment, const Record& record,
                  const MessagePayload& payload) override {
    Known& message = messages_[record.id];
    const MessageHead& head = payload.head;
    message.record_bytes = record_header_size + record.payload.size();
    message.arrival = head.arrival;
    message.recipients = head.envelope.recipients.size();
    message.size = head.size;
    message.crc = head.crc;
    message.is_in_file = head.is_in_file;
    if (head.reports) on_update(segment, record, *head.reports);
  }
  void on_update(const RecoveredSegment&, const Record&, const Update& update) override {
    const auto message = messages_.find(update.id);
    if (message == messages_.end()) return;
    auto& ended = message->second.ended;
    for (const Change& change : update.changes) {
      if (change.recipient >= message->second.recipients) continue;
      if (frames::is_final(change.state)) {
        ended.insert(change.recipient);
      } else {
        ended.erase(change.recipient);
      }
    }
  }
  void on_finding(const Finding& finding, std::string_view) override {
    findings_.push_back(finding);
  }

  std::map<mail::MessageId, Known>& messages() { return messages_; }
  std::vector<Finding>& findings() { return findings_; }

 private:
  std::map<mail::MessageId, Known> messages_;
  std::vector<Finding> findings_;
};

// The CRC-32C of all of a file.
Result<std::uint32_t> checksum(const Disk& disk, int file, std::uint64_t size) {
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < size; at += chunk) {
    const Result<std::string> bytes = disk.read(file, at, chunk);
    if (!bytes) return bytes.error();
    crc = net::crc32c(*bytes, crc);
  }
  return crc;
}

// What is wrong with the content of a large message.
std::optional<Finding> content_finding(const Disk& disk, mail::MessageId id, const Known& message) {
  if (auto fault = content_fault(disk, id, message.size)) return fault;
  const std::string name = content_name(id);
  const Result<net::Fd> file = disk.open_file(name);
  const Result<std::uint32_t> crc = file ? checksum(disk, file->get(), message.size) : file.error();
  if (!crc) return Finding{Kind::unreadable, name, 0, 0, crc.error().message(), id};
  if (*crc == message.crc) return std::nullopt;
  return Finding{Kind::damage, name, 0, 0, "its checksum is not that of the message", id};
}

Result<> count_damaged(Disk& disk, Inspection& into) {
  const std::string name(damaged_name);
  const Result<FileKind> kind = disk.kind_of(name);
  if (!kind || *kind != FileKind::directory) return {};
  const auto damaged = disk.subdirectory(name);
  if (!damaged) return damaged.error();
  const Result<std::vector<std::string>> names = (*damaged)->names();
  if (!names) return names.error();
  for (const std::string& each : *names) {
    if (each == "." || each == "..") continue;
    ++into.damaged_files;
    const Result<net::Fd> file = (*damaged)->open_file(each);
    const Result<std::uint64_t> size = file ? (*damaged)->size_of(file->get()) : file.error();
    if (size) into.damaged_bytes += *size;
  }
  return {};
}

}  // namespace

Result<Inspection> inspect(Disk& disk, bool with_contents) {
  Inspection found;
  Result<std::vector<Finding>> strange = strangers(disk);
  if (!strange) return strange.error();
  found.findings = std::move(*strange);
  const Result<std::optional<Mark>> mark = find_mark(disk);
  if (!mark) return mark.error();
  Collector collector;
  // Without a mark there is no segment that could be read.
  const Result<std::vector<RecoveredSegment>> segments = replay(disk, mark->value_or(0), collector);
  if (!segments) return segments.error();
  for (const RecoveredSegment& segment : *segments) {
    ++found.segments;
    found.segment_bytes += segment.size;
  }
  for (const auto& [id, message] : collector.messages()) {
    if (message.is_over()) continue;
    ++found.messages;
    found.live_bytes += message.record_bytes;
    if (!found.oldest || message.arrival < found.oldest_arrival) {
      found.oldest = id;
      found.oldest_arrival = message.arrival;
    }
    if (!message.is_in_file) continue;
    ++found.contents;
    found.content_bytes += message.size;
    if (!with_contents) continue;
    if (auto finding = content_finding(disk, id, message))
      collector.findings().push_back(std::move(*finding));
  }
  std::ranges::move(collector.findings(), std::back_inserter(found.findings));
  const Result<> counted = count_damaged(disk, found);
  if (!counted) return counted.error();
  return found;
}

std::vector<Finding> lasting(const std::vector<Finding>& before, const std::vector<Finding>& now) {
  std::vector<Finding> both;
  std::ranges::copy_if(now, std::back_inserter(both), [&](const Finding& finding) {
    return std::ranges::any_of(before, [&](const Finding& other) {
      return std::tie(finding.kind, finding.file, finding.begin, finding.what) ==
             std::tie(other.kind, other.file, other.begin, other.what);
    });
  });
  return both;
}

}  // namespace postern::queue
