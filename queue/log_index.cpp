#include "queue/log_index.h"

namespace postern::queue {

bool LogIndex::reach(std::uint32_t number, Mark mark, std::uint64_t end) {
  const auto [entry, is_new] = segments_.try_emplace(number);
  Segment& segment = entry->second;
  segment.mark = mark;
  if (end > segment.size) {
    bytes_ += end - segment.size;
    segment.size = end;
  }
  return is_new;
}

void LogIndex::pin(std::uint32_t segment) { ++segments_.at(segment).live; }

void LogIndex::put(mail::MessageId id, Place place, std::optional<std::uint64_t> file_size) {
  const auto [entry, is_new] = places_.try_emplace(id.value(), place);
  if (!is_new) {
    forget(entry->second);
    entry->second = place;
  } else if (file_size) {
    files_.emplace(id.value(), *file_size);
    file_bytes_ += *file_size;
  }
  Segment& segment = segments_.at(place.segment);
  ++segment.live;
  segment.put.push_back(id.value());
  live_bytes_ += place.size();
}

const Place* LogIndex::find(mail::MessageId id) const {
  const auto entry = places_.find(id.value());
  return entry == places_.end() ? nullptr : &entry->second;
}

void LogIndex::note(mail::MessageId id, RecordPlace record) {
  if (!places_.contains(id.value())) return;
  std::vector<RecordPlace>& records = history_[id.value()];
  if (records.size() >= max_history) records.erase(records.begin());
  records.push_back(record);
}

std::vector<RecordPlace> LogIndex::history(mail::MessageId id) const {
  const auto entry = history_.find(id.value());
  if (entry == history_.end()) return {};
  // Where a start has found a message twice, the older segment goes without anything being moved out of it.
  std::vector<RecordPlace> records = entry->second;
  std::erase_if(records, [this](const RecordPlace& record) {
    return !segments_.contains(record.segment);
  });
  return records;
}

void LogIndex::replace_history(mail::MessageId id, RecordPlace record) {
  history_[id.value()] = {record};
}

void LogIndex::release(mail::MessageId id) {
  const auto entry = places_.find(id.value());
  if (entry == places_.end()) return;
  forget(entry->second);
  places_.erase(entry);
  history_.erase(id.value());
  if (const auto file = files_.extract(id.value())) file_bytes_ -= file.mapped();
}

void LogIndex::forget(const Place& place) {
  --segments_.at(place.segment).live;
  live_bytes_ -= place.size();
}

std::optional<std::uint32_t> LogIndex::take_dead_front() {
  const auto oldest = front();
  if (!oldest || segments_.begin()->second.live > 0) return std::nullopt;
  bytes_ -= segments_.begin()->second.size;
  segments_.erase(segments_.begin());
  return oldest;
}

std::optional<std::uint32_t> LogIndex::front() const {
  if (segments_.size() < 2) return std::nullopt;
  return segments_.begin()->first;
}

std::span<const std::uint64_t> LogIndex::messages_put_into(std::uint32_t segment) const {
  return segments_.at(segment).put;
}

}  // namespace postern::queue
