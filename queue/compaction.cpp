#include "queue/compaction.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "net/codec.h"
#include "net/log.h"
#include "queue/log_history.h"

namespace postern::queue {
namespace {

constexpr std::chrono::seconds pause_after_failure{1};
constexpr std::chrono::minutes alarm_interval{1};

std::string record_of(Mark mark, RecordType type, mail::MessageId id, std::string_view payload) {
  return record_header(mark, type, id, payload).append(payload);
}

}  // namespace

void Compaction::let_go(mail::MessageId id) {
  const auto held = held_.find(id.value());
  if (--held->second > 0) return;
  held_.erase(held);
  // It may be all that is left in its segment.
  const Place* place = parts_.index.find(id);
  if (place != nullptr && place->segment == segment_) pause_.cancel();
}

bool Compaction::is_needed() const {
  const LogIndex& index = parts_.index;
  const std::uint64_t live = index.live_bytes();
  const std::uint64_t bearable = is_short_of_space_ ? live : live + live / 2;
  return !is_stopped_ && index.front() && index.bytes() > bearable + parts_.segment_size;
}

void Compaction::start_where_needed() {
  if (is_busy_ || !is_needed()) return;
  is_busy_ = true;
  step_soon();
}

void Compaction::step_soon() {
  net::asio::post(executor_, [this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) step();
  });
}

void Compaction::step_later() {
  pause_.expires_after(pause_after_failure);
  pause_.async_wait([this, alive = std::weak_ptr(alive_)](net::error_code) {
    if (!alive.lock()) return;
    is_busy_ = false;
    start_where_needed();
  });
}

void Compaction::step() {
  if (!is_needed()) {
    is_busy_ = false;
    return;
  }
  // What a full disk has room for is for outcomes.
  if (parts_.writer.has_failed()) return step_later();
  const std::uint32_t front = *parts_.index.front();
  if (std::exchange(segment_, front) != front) next_ = 0;
  has_failed_ = false;
  std::size_t bytes = 0;
  const auto put = parts_.index.messages_put_into(front);
  const std::size_t end = std::min(put.size(), next_ + max_looked_at_once);
  std::size_t read = 0;
  for (; next_ < end && bytes < max_moved_at_once && read < max_read_at_once; ++next_) {
    const mail::MessageId id(put[next_]);
    const Place* place = parts_.index.find(id);
    if (place == nullptr || place->segment != front || held_.contains(id.value())) continue;
    read += parts_.index.history(id).size();
    const net::Result<std::size_t> moved = move(id, *place);
    if (!moved) {
      on_failure(id, moved.error());
      break;
    }
    bytes += *moved;
  }
  if (moving_ > 0) return;  // on_moved goes on
  if (next_ < put.size() && !has_failed_) return step_soon();
  // What is left cannot be moved now.
  next_ = 0;
  step_later();
}

// It lasts, as a rule: no descriptors, no space, a disk that does not read.
void Compaction::on_failure(mail::MessageId id, const net::error_code& error) {
  has_failed_ = true;
  const auto now = net::Clock::now();
  if (now < next_alarm_) return;
  next_alarm_ = now + alarm_interval;
  net::log(net::Level::error, "compaction-failed",
           {{"segment", segment_}, {"id", id}, {"error", error.message()}});
}

// The bytes that this adds to the log.
net::Result<std::size_t> Compaction::move(mail::MessageId id, const Place& place) {
  const Mark mark = parts_.index.mark_of(place.segment);
  net::Result<std::string> bytes = parts_.reader.read({place.segment, place.offset, place.length});
  if (!bytes) return bytes.error();
  const auto record = parse_record(mark, *bytes);
  if (!record || record->id != id) {
    const net::Result<> set_aside = calls_.on_damaged(id, std::move(*bytes));
    if (!set_aside) return set_aside.error();
    return 0;
  }
  if (mark != parts_.mark) bytes = record_of(parts_.mark, record->type, id, record->payload);

  const Update update =
      told_again(history_of(id, parts_.index, parts_.reader), calls_.state_of(id));
  std::string companion;
  if (!update.changes.empty() || update.is_warned) {
    companion = record_of(parts_.mark, RecordType::update, id, net::encode(update));
  }
  const Place to{0, 0, place.length, static_cast<std::uint32_t>(companion.size())};
  ++moving_;
  parts_.writer.append({std::move(*bytes), std::move(companion),
                        [this, id, from = place, to](net::Result<SegmentFile::Position> at) {
                          on_moved(id, from, to, at);
                        },
                        true});
  return to.size();
}

void Compaction::on_moved(mail::MessageId id, const Place& from, Place to,
                          net::Result<SegmentFile::Position> at) {
  if (at) {
    const std::uint64_t end = at->offset + to.size();
    parts_.index.reach(at->segment, parts_.mark, end);
    to.segment = at->segment;
    to.offset = static_cast<std::uint32_t>(at->offset);
    const Place* now = parts_.index.find(id);
    if (now != nullptr && *now == from) {
      parts_.index.put(id, to, std::nullopt);
      if (to.companion > 0) {
        const auto payload = static_cast<std::uint32_t>(to.companion - record_header_size);
        const auto offset = static_cast<std::uint32_t>(to.offset + record_header_size + to.length);
        parts_.index.replace_history(id, {to.segment, offset, payload});
      }
    }
  }
  has_failed_ |= !at;
  if (--moving_ > 0) return;
  calls_.after_move();
  if (has_failed_) {
    next_ = 0;
    step_later();
  } else {
    step_soon();
  }
}

}  // namespace postern::queue
