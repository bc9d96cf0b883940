#include "queue/log_index.h"

#include <algorithm>

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
  const auto [entry, is_new] = known_.try_emplace(id.value());
  if (!is_new) forget(entry->second.place);
  entry->second.place = place;
  if (is_new && file_size) {
    files_.emplace(id.value(), *file_size);
    file_bytes_ += *file_size;
  }
  Segment& segment = segments_.at(place.segment);
  ++segment.live;
  segment.put.push_back(id.value());
  live_bytes_ += place.size();
}

const Place* LogIndex::find(mail::MessageId id) const {
  const auto entry = known_.find(id.value());
  return entry == known_.end() ? nullptr : &entry->second.place;
}

void LogIndex::note(mail::MessageId id, RecordPlace record) {
  const auto entry = known_.find(id.value());
  if (entry == known_.end()) return;
  auto& history = entry->second.history;
  history.push_front(record);
  auto last = history.begin();
  for (std::size_t n = 1; n < max_history && last != history.end(); ++n) ++last;
  if (last != history.end()) history.erase_after(last, history.end());
}

std::vector<RecordPlace> LogIndex::history(mail::MessageId id) const {
  const auto entry = known_.find(id.value());
  if (entry == known_.end()) return {};
  const auto& history = entry->second.history;
  std::vector<RecordPlace> records(history.begin(), history.end());
  std::ranges::reverse(records);
  // Where a start has found a message twice, the older segment goes without anything being moved out of it.
  std::erase_if(records,
                [this](const RecordPlace& record) { return !segments_.contains(record.segment); });
  return records;
}

void LogIndex::replace_history(mail::MessageId id, RecordPlace record) {
  const auto entry = known_.find(id.value());
  if (entry != known_.end()) entry->second.history = {record};
}

void LogIndex::release(mail::MessageId id) {
  const auto entry = known_.find(id.value());
  if (entry == known_.end()) return;
  forget(entry->second.place);
  known_.erase(entry);
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
