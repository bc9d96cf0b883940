#include "queue/log_store.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <set>
#include <utility>

#include "net/checksum.h"
#include "net/codec.h"
#include "net/log.h"

namespace postern::queue {
namespace {

namespace asio = boost::asio;
using boost::system::errc::make_error_code;
using net::Result;

constexpr std::string_view content_suffix = ".msg";

// What only updates and bounces may fill: a twentieth of the disk, within bounds, but never more than a quarter of
// it.
constexpr std::uint64_t least_reserve = 64 * 1024 * 1024;
constexpr std::uint64_t most_reserve = 1024 * 1024 * 1024;
// Below this much above the reserve not even small messages are begun.
constexpr std::uint64_t least_room = 1024 * 1024;
constexpr std::uint64_t least_names = 100;

std::uint64_t reserve_of(const Space& space) {
  return std::min(std::clamp(space.total / 20, least_reserve, most_reserve), space.total / 4);
}

std::string content_name(mail::MessageId id) { return id.text() + std::string(content_suffix); }

std::optional<mail::MessageId> content_id(std::string_view name) {
  if (!name.ends_with(content_suffix)) return std::nullopt;
  return mail::MessageId::parse(name.substr(0, name.size() - content_suffix.size()));
}

frames::CannotStart cannot_start(int code, std::string_view what, const net::error_code& error) {
  return {code, fmt::format("the spool {}: {}", what, error.message())};
}

}  // namespace

// Content in memory while it is small, then in a file.
class LogStore::LogDraft final : public Draft {
 public:
  LogDraft(LogStore& store, mail::MessageId id)
      : store_(store), is_store_alive_(store.alive_), name_(content_name(id)) {}
  LogDraft(const LogDraft&) = delete;
  LogDraft& operator=(const LogDraft&) = delete;
  ~LogDraft() override {
    if (is_store_alive_.expired()) return;  // at the end of the process; recovery removes the file
    store_.buffered_ -= content_.size();
    if (!file_ || is_kept_) return;
    file_ = net::Fd();
    const Result<> removed = store_.disk_->remove(name_);
    if (!removed)
      net::log(net::Level::warning, "remove-failed",
               {{"file", name_}, {"error", removed.error().message()}});
  }

  Result<> add(std::string bytes) override {
    const std::uint64_t offset = size_;
    size_ += bytes.size();
    crc_ = net::crc32c(bytes, crc_);
    if (!file_ && size_ <= max_inline_content && store_.buffered_ + bytes.size() <= max_buffered) {
      store_.buffered_ += bytes.size();
      if (content_.empty()) {
        content_ = std::move(bytes);
      } else {
        content_ += bytes;
      }
      return {};
    }
    if (!file_) {
      const Result<> moved = move_to_file();
      if (!moved) return moved;
    }
    return store_.disk_->write(file_.get(), std::array<std::string_view, 1>{bytes}, offset);
  }

  std::uint64_t size() const override { return size_; }
  std::uint32_t crc() const { return crc_; }
  bool is_in_file() const { return static_cast<bool>(file_); }
  int file() const { return file_.get(); }
  std::string take_content() {
    store_.buffered_ -= content_.size();
    return std::exchange(content_, {});
  }
  void keep() { is_kept_ = true; }

 private:
  Result<> move_to_file() {
    Result<net::Fd> file = store_.disk_->create(name_);
    if (!file) return file.error();
    file_ = std::move(*file);
    const std::string content = take_content();
    return store_.disk_->write(file_.get(), std::array<std::string_view, 1>{content}, 0);
  }

  LogStore& store_;
  std::weak_ptr<bool> is_store_alive_;
  std::string name_;
  std::string content_;
  net::Fd file_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
  bool is_kept_ = false;
};

// Fills the index from what is read at the start, and tells the visitor.
class LogStore::Sink final : public RecordSink {
 public:
  Sink(LogStore& store, Visitor& visitor) : store_(store), visitor_(visitor) {}

  void on_message(const RecoveredSegment& segment, const Record& record,
                  const MessagePayload& payload) override {
    const Place place{segment.number, static_cast<std::uint32_t>(record.offset),
                      static_cast<std::uint32_t>(record.payload.size()), payload.head.is_in_file};
    // A large message's file is synced before its record, and removed when it was refused or has ended: an update that says so
    // may still follow.
    if (place.has_file && !store_.has_content(record.id)) {
      missing_.insert(record.id.value());
      return;
    }
    const bool is_new = !store_.index_.contains(record.id.value());
    store_.put(record.id, place, segment.mark);
    if (is_new) visitor_.on_message(record.id, payload.head);
    if (payload.head.reports) on_update(segment, record, *payload.head.reports);
  }
  void on_update(const RecoveredSegment&, const Record&, const Update& update) override {
    if (std::ranges::any_of(update.changes,
                            [](const Change& change) { return frames::is_final(change.state); }))
      missing_.erase(update.id.value());
    visitor_.on_update(update);
  }

  void report_missing() const {
    for (const std::uint64_t id : missing_) {
      net::log(net::Level::error, "content-missing", {{"id", mail::MessageId(id)}});
    }
  }

 private:
  LogStore& store_;
  std::set<std::uint64_t> missing_;  // large messages without their file, which nothing has ended
  Visitor& visitor_;
};

std::variant<std::unique_ptr<LogStore>, frames::CannotStart> LogStore::open(
    net::Executor executor, const std::string& directory) {
  Result<Disk> disk = Disk::open(directory);
  if (!disk) {
    return cannot_start(EX_CANTCREAT, fmt::format("{} cannot be opened", directory), disk.error());
  }
  return open(executor, std::make_unique<Disk>(std::move(*disk)));
}

std::variant<std::unique_ptr<LogStore>, frames::CannotStart> LogStore::open(
    net::Executor executor, std::unique_ptr<Disk> disk, std::uint64_t segment_size) {
  Result<net::Fd> lock = disk->lock("lock");
  if (!lock && lock.error() == boost::system::errc::operation_would_block) {
    return frames::CannotStart{EX_TEMPFAIL,
                               "another Postern uses this spool: stop it first, or set another "
                               "directory under [queue]"};
  }
  if (!lock) return cannot_start(EX_CANTCREAT, "cannot be locked", lock.error());
  const Result<Mark> mark = find_mark(*disk);
  if (!mark) return cannot_start(EX_IOERR, "cannot be marked", mark.error());
  return std::unique_ptr<LogStore>(
      new LogStore(executor, std::move(disk), std::move(*lock), *mark, segment_size));
}

LogStore::LogStore(net::Executor executor, std::unique_ptr<Disk> disk, net::Fd lock, Mark mark,
                   std::uint64_t segment_size)
    : executor_(executor),
      disk_(std::move(disk)),
      lock_(std::move(lock)),
      mark_(mark),
      segment_size_(segment_size),
      files_synced_(executor, net::Timer::time_point::max()) {}

LogStore::~LogStore() { file_thread_.join(); }

std::optional<frames::CannotStart> LogStore::recover(Visitor& visitor) {
  Sink sink(*this, visitor);
  const Result<std::vector<RecoveredSegment>> segments = replay(*disk_, mark_, sink);
  if (!segments && segments.error() == boost::system::errc::protocol_not_supported) {
    return frames::CannotStart{EX_DATAERR,
                               "the spool was written by a newer Postern: start that one"};
  }
  if (!segments) return cannot_start(EX_IOERR, "cannot be read", segments.error());
  sink.report_missing();
  Seal ends;
  std::uint32_t next = 1;
  for (const RecoveredSegment& segment : *segments) {
    segments_[segment.number].mark = segment.mark;
    if (!segment.is_readable) ++segments_[segment.number].live;  // never deleted by this process
    if (segment.is_readable && !segment.is_sealed) ends.push_back({segment.number, segment.end});
    next = segment.number + 1;
  }
  writer_ = std::make_unique<LogWriter>(
      executor_, *disk_, SegmentFile(*disk_, mark_, next, std::move(ends), segment_size_));
  remove_leftovers();
  delete_dead_segments();
  return std::nullopt;
}

// Whatever its size: one that was cut short is set aside when it is read, not taken for one that has ended.
bool LogStore::has_content(mail::MessageId id) const {
  const Result<net::Fd> file = disk_->open_file(content_name(id));
  return file || file.error() != boost::system::errc::no_such_file_or_directory;
}

// Content of large messages that were never accepted, or have ended.
void LogStore::remove_leftovers() {
  const Result<std::vector<std::string>> names = disk_->names();
  if (!names) return;
  for (const std::string& name : *names) {
    const auto id = content_id(name);
    if (!id) continue;
    const auto place = index_.find(id->value());
    if (place == index_.end() || !place->second.has_file) writer_->remove(name);
  }
}

std::unique_ptr<Draft> LogStore::begin(mail::MessageId id) {
  return std::make_unique<LogDraft>(*this, id);
}

void LogStore::accept(Incoming message, Done done) {
  // Made by `begin`.
  std::unique_ptr<LogDraft> draft(static_cast<LogDraft*>(message.content.release()));
  MessageHead head{
      std::move(message.envelope), message.arrival,           draft->size(), draft->crc(),
      draft->is_in_file(),         std::move(message.reports)};
  if (head.is_in_file) {
    accept_file(message.id, std::move(head), std::move(draft), std::move(done));
  } else {
    append(message.id, head, draft->take_content(), std::move(done));
  }
}

void LogStore::append(mail::MessageId id, const MessageHead& head, std::string content, Done done) {
  std::string front = message_front(head);
  const Place place{0, 0, static_cast<std::uint32_t>(front.size() + content.size()),
                    head.is_in_file};
  front.insert(0, record_header(mark_, RecordType::message, id, front, content));
  auto written = [this, id, place, done = std::move(done)](Result<SegmentFile::Position> at) {
    if (at) {
      on_segment(at->segment);
      put(id, {at->segment, static_cast<std::uint32_t>(at->offset), place.length, place.has_file},
          mark_);
    }
    done(at ? Result<>() : Result<>(at.error()));
  };
  writer_->append({std::move(front), std::move(content), std::move(written), true});
}

// The file, then its name, then the record that names it.
void LogStore::accept_file(mail::MessageId id, MessageHead head, std::unique_ptr<LogDraft> draft,
                           Done done) {
  ++syncing_files_;
  asio::post(file_thread_,
             [this, id, head = std::move(head), draft = std::move(draft), done = std::move(done),
              alive = std::weak_ptr(alive_), work = asio::make_work_guard(executor_)]() mutable {
               Result<> result = disk_->sync(draft->file());
               if (result) result = disk_->sync_names();
               asio::post(executor_, [this, id, head = std::move(head), draft = std::move(draft),
                                      done = std::move(done), alive, result]() mutable {
                 if (alive.lock())
                   on_file_synced(id, head, std::move(draft), result, std::move(done));
               });
             });
}

void LogStore::on_file_synced(mail::MessageId id, const MessageHead& head,
                              std::unique_ptr<LogDraft> draft, Result<> result, Done done) {
  if (--syncing_files_ == 0) files_synced_.cancel();
  if (!result) return done(result);
  // Shared only because a std::function wants to be copied.
  std::shared_ptr<LogDraft> kept = std::move(draft);
  append(id, head, {}, [kept, done = std::move(done)](Result<> written) {
    if (written) kept->keep();
    done(written);
  });
}

void LogStore::record(Update update, Done done) {
  std::string payload = net::encode(update);
  payload.insert(0, record_header(mark_, RecordType::update, update.id, payload));
  const bool is_awaited = done != nullptr;
  auto written = [this, done = std::move(done)](Result<SegmentFile::Position> at) {
    if (at) on_segment(at->segment);
    if (done) done(at ? Result<>() : Result<>(at.error()));
  };
  writer_->append({std::move(payload), {}, std::move(written), is_awaited});
}

// A new segment has begun: the one before it may have been dead already, and only kept because it was the newest.
void LogStore::on_segment(std::uint32_t number) {
  const auto [segment, is_new] = segments_.try_emplace(number);
  if (!is_new) return;
  segment->second.mark = mark_;
  delete_dead_segments();
}

// A later copy of a message takes the place of the one before.
void LogStore::put(mail::MessageId id, Place place, Mark mark) {
  const auto [old, is_new] = index_.try_emplace(id.value(), place);
  if (!is_new) {
    --segments_[old->second.segment].live;
    old->second = place;
  }
  Segment& segment = segments_[place.segment];
  segment.mark = mark;
  ++segment.live;
}

void LogStore::release(mail::MessageId id) {
  const auto entry = index_.find(id.value());
  if (entry == index_.end()) return;
  if (entry->second.has_file && writer_) writer_->remove(content_name(id));
  --segments_[entry->second.segment].live;
  index_.erase(entry);
  if (writer_) delete_dead_segments();
}

void LogStore::delete_dead_segments() {
  // The newest may be the one that is being written.
  while (segments_.size() > 1 && segments_.begin()->second.live == 0) {
    if (segments_.begin()->second.file) --open_segments_;
    writer_->remove(segment_name(segments_.begin()->first));
    segments_.erase(segments_.begin());
  }
}

Result<int> LogStore::open_for_reading(std::uint32_t number) {
  Segment& segment = segments_[number];
  if (segment.file) return segment.file.get();
  if (open_segments_ >= max_open_segments) {
    for (auto& [other, closed] : segments_) closed.file = net::Fd();
    open_segments_ = 0;
  }
  Result<net::Fd> file = disk_->open_file(segment_name(number));
  if (!file) return file.error();
  segment.file = std::move(*file);
  ++open_segments_;
  return segment.file.get();
}

Result<StoredMessage> LogStore::read(mail::MessageId id) {
  const auto entry = index_.find(id.value());
  if (entry == index_.end()) return make_error_code(boost::system::errc::no_such_file_or_directory);
  const Place place = entry->second;
  const Result<int> file = open_for_reading(place.segment);
  if (!file) return file.error();
  const Result<std::string> bytes =
      disk_->read(*file, place.offset, record_header_size + place.length);
  if (!bytes) return bytes.error();
  const auto record = parse_record(segments_[place.segment].mark, *bytes);
  auto payload =
      record && record->id == id ? parse_message(record->type, record->payload) : std::nullopt;
  if (!payload) return make_error_code(boost::system::errc::bad_message);
  if (!place.has_file)
    return StoredMessage{std::move(payload->head), std::string(payload->content)};
  Result<net::Fd> content = disk_->open_file(content_name(id));
  if (!content && content.error() == boost::system::errc::no_such_file_or_directory) {
    return make_error_code(boost::system::errc::bad_message);
  }
  if (!content) return content.error();
  const Result<std::uint64_t> size = disk_->size_of(content->get());
  if (!size) return size.error();
  if (*size != payload->head.size) return make_error_code(boost::system::errc::bad_message);
  return StoredMessage{std::move(payload->head), ContentFile{std::move(*content)}};
}

Result<std::vector<Update>> LogStore::history(mail::MessageId) { return std::vector<Update>(); }

bool LogStore::is_behind() const { return writer_->unwritten() > max_unwritten; }

Room LogStore::room() const {
  const Result<Space> space = disk_->space();
  if (!space) return {};
  const std::uint64_t reserve = reserve_of(*space);
  const std::uint64_t free = space->available > reserve ? space->available - reserve : 0;
  return {free >= least_room && space->names >= least_names, std::bit_floor(free)};
}

net::Task<> LogStore::flushed() {
  while (syncing_files_ > 0) co_await files_synced_.async_wait(net::as_result);
  co_await writer_->flushed();
}

}  // namespace postern::queue
