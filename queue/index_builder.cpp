#include "queue/index_builder.h"

#include <algorithm>
#include <utility>

#include "queue/spool_names.h"

namespace postern::queue {
namespace {

RecordPlace place_of(const RecoveredSegment& segment, const Record& record) {
  return {segment.number, static_cast<std::uint32_t>(record.offset),
          static_cast<std::uint32_t>(record.payload.size())};
}

bool stands_behind(const RecordPlace& first, const RecordPlace& second) {
  return first.segment == second.segment &&
         first.offset + record_header_size + first.length == second.offset;
}

}  // namespace

void IndexBuilder::on_message(const RecoveredSegment& segment, const Record& record,
                              const MessagePayload& payload) {
  // A large message's file is synced before its record, and removed when it was refused or has ended: the updates that say so
  // may still follow.
  const bool is_in_file = payload.head.is_in_file;
  const auto fault = is_in_file ? content_fault(disk_, record.id, payload.head.size) : std::nullopt;
  const RecordPlace at = place_of(segment, record);
  if (fault && fault->kind != Finding::Kind::unreadable) {
    without_content_.try_emplace(
        record.id.value(),
        WithoutContent{*fault, std::vector<bool>(payload.head.envelope.recipients.size()), at,
                       segment.mark, payload.head.reports});
    return;
  }
  index_.reach(segment.number, segment.mark, 0);
  copy_.reset();
  if (index_.find(record.id) == nullptr) {
    index_.put(record.id, {at.segment, at.offset, at.length, 0},
               is_in_file ? std::optional(payload.head.size) : std::nullopt);
    visitor_.on_message(record.id, payload.head);
  } else {
    copy_ = {record.id, at};
  }
  if (payload.head.reports) take(at, segment.mark, *payload.head.reports);
}

void IndexBuilder::on_update(const RecoveredSegment& segment, const Record& record,
                             const Update& update) {
  const RecordPlace at = place_of(segment, record);
  take(at, segment.mark, update);
  const auto copy = std::exchange(copy_, std::nullopt);
  if (!copy || copy->id != update.id || !stands_behind(copy->at, at)) return;
  index_.put(copy->id,
             {copy->at.segment, copy->at.offset, copy->at.length,
              static_cast<std::uint32_t>(record_header_size) + at.length},
             std::nullopt);
  index_.replace_history(copy->id, at);
}

void IndexBuilder::on_finding(const Finding& finding, std::string_view bytes) {
  if (quarantine_.take(finding, bytes) || finding.kind == Finding::Kind::foreign) return;
  if (const auto number = segment_number(finding.file)) unsaved_.insert(*number);
}

void IndexBuilder::report_faults_of_contents() {
  for (const auto& [id, message] : without_content_) on_finding(message.fault, {});
}

void IndexBuilder::take(const RecordPlace& at, Mark mark, const Update& update) {
  index_.reach(at.segment, mark, 0);
  index_.note(update.id, at);
  visitor_.on_update(update);
  const auto known = without_content_.find(update.id.value());
  if (known == without_content_.end()) return;
  std::vector<bool>& has_ended = known->second.has_ended;
  for (const Change& change : update.changes) {
    if (change.recipient < has_ended.size() && frames::is_final(change.state)) {
      has_ended[change.recipient] = true;
    }
  }
  if (std::ranges::find(has_ended, false) != has_ended.end()) return;
  const auto ended = without_content_.extract(known);
  const WithoutContent& message = ended.mapped();
  if (message.reports) take(message.at, message.mark, *message.reports);
}

}  // namespace postern::queue
