#include "queue/log_history.h"

#include <algorithm>
#include <iterator>

#include "net/codec.h"

namespace postern::queue {
namespace {

std::optional<Update> update_in(const Record& record) {
  if (record.type == RecordType::update) return net::decode<Update>(record.payload);
  auto message = parse_message(record.type, record.payload);
  return message ? std::move(message->head.reports) : std::nullopt;
}

bool is_same_attempt(const Change& a, const Change& b) {
  return a.recipient == b.recipient && a.state == b.state && a.attempts == b.attempts &&
         a.answer.time == b.answer.time;
}

}  // namespace

std::vector<Update> history_of(mail::MessageId id, const LogIndex& index, LogReader& reader) {
  std::vector<Update> updates;
  for (const RecordPlace& place : index.history(id)) {
    const net::Result<std::string> bytes = reader.read(place);
    const auto record = bytes ? parse_record(index.mark_of(place.segment), *bytes) : std::nullopt;
    auto update = record ? update_in(*record) : std::nullopt;
    if (update && update->id == id) updates.push_back(std::move(*update));
  }
  return updates;
}

Update told_again(const std::vector<Update>& history, Update state) {
  std::vector<Change> earlier;
  for (const Update& update : history) {
    std::copy_if(update.changes.begin(), update.changes.end(), std::back_inserter(earlier),
                 [&](const Change& change) {
                   return std::ranges::none_of(state.changes, [&](const Change& last) {
                     return is_same_attempt(change, last);
                   });
                 });
  }
  std::size_t size = 0;
  auto first = earlier.end();
  while (first != earlier.begin()) {
    size += net::encode(*std::prev(first)).size();
    if (size > max_moved_history) break;
    --first;
  }
  state.changes.insert(state.changes.begin(), std::move_iterator(first),
                       std::move_iterator(earlier.end()));
  return state;
}

}  // namespace postern::queue
