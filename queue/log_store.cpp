#include "queue/log_store.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>
#include <bit>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "net/checksum.h"
#include "net/codec.h"
#include "net/log.h"
#include "queue/cannot_start.h"
#include "queue/index_builder.h"
#include "queue/log_history.h"
#include "queue/quarantine.h"
#include "queue/recovery.h"
#include "queue/spool_names.h"

namespace postern::queue {
namespace {

namespace asio = boost::asio;
using boost::system::errc::make_error_code;
using net::Result;

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

}  // namespace

std::variant<std::unique_ptr<LogStore>, frames::CannotStart> LogStore::open(
    net::Executor executor, const std::string& directory) {
  Result<Disk> disk = Disk::open(directory);
  if (!disk) return cannot_start("cannot be opened", disk.error());
  if (const auto kind = disk->volatile_kind(); !kind.empty()) {
    net::log(net::Level::warning, "spool-not-lasting",
             {{"directory", directory},
              {"file_system", kind},
              {"what", kind == "overlay" ? "mail goes with the container: mount a volume there"
                                         : "mail goes when the machine stops: use a disk"}});
  }
  if (!disk->open_file(std::string(mark_name))) {
    net::log("spool-created", {{"directory", directory}});
  }
  return open(executor, std::make_unique<Disk>(std::move(*disk)));
}

std::variant<std::unique_ptr<LogStore>, frames::CannotStart> LogStore::open(
    net::Executor executor, std::unique_ptr<Disk> disk, std::uint64_t segment_size) {
  const Result<std::vector<Finding>> found = strangers(*disk);
  if (!found) return cannot_start("cannot be read", found.error());
  // A typing error must not move away what is somebody's home.
  if (!found->empty() && !is_spool(*disk)) {
    return frames::CannotStart{
        EX_CONFIG, fmt::format("this is no spool, and there is something in it ({}): name another "
                               "queue.directory, or empty it",
                               found->front().file)};
  }
  Quarantine quarantine(*disk);
  const std::string name(lock_name);
  const auto is_lock = [&](const Finding& finding) { return finding.file == name; };
  // What is no file cannot have been locked by anyone.
  const auto odd_lock = std::ranges::find_if(*found, is_lock);
  if (odd_lock != found->end()) quarantine.take(*odd_lock, {});
  Result<net::Fd> lock = disk->lock(name);
  if (!lock && lock.error() == boost::system::errc::operation_would_block) {
    return frames::CannotStart{EX_TEMPFAIL,
                               "another Postern uses this spool: stop it first, or set another "
                               "directory under [queue]"};
  }
  if (!lock) return cannot_start("cannot be locked", lock.error());
  for (const Finding& finding : *found) {
    if (!is_lock(finding)) quarantine.take(finding, {});
  }
  quarantine.finish();
  const Result<Mark> mark = settle_mark(*disk);
  if (!mark) return cannot_start("cannot be marked", mark.error());
  std::unique_ptr<LogStore> store(
      new LogStore(executor, std::move(disk), std::move(*lock), *mark, segment_size));
  store->has_lost_segments_ = quarantine.has_new_damage();
  return store;
}

LogStore::LogStore(net::Executor executor, std::unique_ptr<Disk> disk, net::Fd lock, Mark mark,
                   std::uint64_t segment_size)
    : executor_(executor),
      disk_(std::move(disk)),
      lock_(std::move(lock)),
      mark_(mark),
      segment_size_(segment_size),
      reader_(*disk_),
      drafts_(new DraftSpace{*disk_}),
      files_synced_(executor, net::Timer::time_point::max()) {}

LogStore::~LogStore() { file_thread_.join(); }

std::optional<frames::CannotStart> LogStore::recover(Visitor& visitor) {
  IndexBuilder builder(*disk_, index_, visitor);
  const Result<std::vector<RecoveredSegment>> segments = replay(*disk_, mark_, builder);
  if (!segments && segments.error() == boost::system::errc::protocol_not_supported) {
    return frames::CannotStart{EX_DATAERR,
                               "the spool was written by a newer Postern: start that one"};
  }
  if (!segments) return cannot_start("cannot be read", segments.error());
  builder.report_faults_of_contents();
  if (const Result<> durable = make_durable(*segments); !durable) {
    return cannot_start("cannot be synced", durable.error());
  }
  Seal ends;
  std::uint32_t next = 1;
  std::vector<std::string> empty;
  for (const RecoveredSegment& segment : *segments) {
    // A start that was cut off, or somebody else's: it holds nothing, and is no part of the log.
    if (segment.is_readable && segment.end == 0 && !segment.is_sealed) {
      empty.push_back(segment_name(segment.number));
      continue;
    }
    index_.reach(segment.number, segment.mark, segment.size);
    if (!segment.is_readable || builder.is_unsaved(segment.number)) index_.pin(segment.number);
    if (segment.is_readable && !segment.is_sealed) ends.push_back({segment.number, segment.end});
    next = segment.number + 1;
  }
  // What could not be moved out of the way may have the name.
  while (disk_->kind_of(segment_name(next))) ++next;
  if (segment_size_ == 0) segment_size_ = chosen_segment_size();
  writer_ = std::make_unique<LogWriter>(
      executor_, *disk_, SegmentFile(*disk_, mark_, next, std::move(ends), segment_size_));
  compaction_ = std::make_unique<Compaction>(
      executor_, Compaction::Parts{index_, reader_, *writer_, mark_, segment_size_},
      Compaction::Calls{[this](mail::MessageId id) {
                          return state_of_ ? state_of_(id) : Update{id, {}, false};
                        },
                        [this] { tidy(); },
                        [this](mail::MessageId id, std::string bytes) {
                          return on_damaged(id, std::move(bytes));
                        }});
  const bool is_complete = std::ranges::all_of(*segments, &RecoveredSegment::is_readable);
  if (is_complete) clear_leftovers(builder.quarantine());
  builder.quarantine().finish();
  for (const std::string& name : empty) writer_->remove(name);
  tidy();
  return std::nullopt;
}

// What a killed process wrote and had not synced yet, the kernel shows; a power cut would take it away. It must not do so
// once somebody acts on it: an end that was read might have its message removed for good, and be lost itself.
Result<> LogStore::make_durable(const std::vector<RecoveredSegment>& segments) {
  for (const RecoveredSegment& segment : segments) {
    if (!segment.is_readable || segment.is_sealed) continue;
    const Result<net::Fd> file = disk_->open_file(segment_name(segment.number));
    if (!file) return file.error();
    if (disk_->sync(file->get())) continue;
    // What it holds now may vanish, and no later sync would say so: it is written anew.
    const Result<std::string> bytes = disk_->read(file->get(), 0, segment.size);
    if (!bytes) return bytes.error();
    const Result<> replaced = disk_->replace(segment_name(segment.number), *bytes);
    if (!replaced) return replaced;
  }
  return disk_->sync_names();
}

// So that a few fit into what there is.
std::uint64_t LogStore::chosen_segment_size() const {
  const Result<Space> space = disk_->space();
  std::uint64_t available = space ? space->total : UINT64_MAX;
  if (limits_.max_size > 0) available = std::min(available, limits_.max_size);
  return std::clamp(available / 16, least_segment, max_segment);
}

// Content of large messages that were never accepted, or have ended. After damage it may also be that of a message whose record
// is lost: then it is set aside.
void LogStore::clear_leftovers(Quarantine& quarantine) {
  const Result<std::vector<std::string>> names = disk_->names();
  if (!names) return;
  for (const std::string& name : *names) {
    const auto id = content_id(name);
    if (!id) continue;
    if (index_.has_file(*id)) continue;
    if (quarantine.has_new_damage() || has_lost_segments_) {
      quarantine.take({Finding::Kind::foreign, name, 0, 0,
                       "content of a message of which no record is left, so that nobody knows "
                       "whether it has ended",
                       id},
                      {});
    } else {
      writer_->remove(name);
    }
  }
}

std::unique_ptr<Draft> LogStore::begin(mail::MessageId id) {
  return std::make_unique<LogDraft>(drafts_, id);
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

void LogStore::refuse(const Done& done, boost::system::errc::errc_t error) {
  if (!done) return;
  asio::post(executor_, [done, error] { done(make_error_code(error)); });
}

void LogStore::append(mail::MessageId id, const MessageHead& head, std::string content, Done done) {
  std::string front = message_front(head);
  if (front.size() + content.size() > max_payload) {
    return refuse(done, boost::system::errc::message_size);
  }
  const auto length = static_cast<std::uint32_t>(front.size() + content.size());
  front.insert(0, record_header(mark_, RecordType::message, id, front, content));
  const std::optional<mail::MessageId> about =
      head.reports ? std::optional(head.reports->id) : std::nullopt;
  if (about) compaction_->hold(*about);
  auto written = [this, id, about, length, done = std::move(done),
                  file_size = head.is_in_file ? std::optional(head.size)
                                              : std::nullopt](Result<SegmentFile::Position> at) {
    if (at) {
      index_.reach(at->segment, mark_, at->offset + record_header_size + length);
      const auto offset = static_cast<std::uint32_t>(at->offset);
      index_.put(id, {at->segment, offset, length, 0}, file_size);
      if (about) index_.note(*about, {at->segment, offset, length});
    }
    done(at ? Result<>() : Result<>(at.error()));
    if (about) compaction_->let_go(*about);
    tidy();
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
               if (disk_->failed_name_syncs() != draft->failed_name_syncs()) {
                 result = make_error_code(boost::system::errc::io_error);
               }
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
  if (!result) {
    drafts_->raise_alarm(draft->name(), result.error());
    return done(result);
  }
  // Shared only because a std::function wants to be copied.
  std::shared_ptr<LogDraft> kept = std::move(draft);
  append(id, head, {}, [kept, done = std::move(done)](Result<> written) {
    if (written) kept->keep();
    done(written);
  });
}

void LogStore::record(Update update, Done done) {
  std::string payload = net::encode(update);
  if (payload.size() > max_payload) {
    net::log(net::Level::error, "update-too-long", {{"id", update.id}, {"size", payload.size()}});
    return refuse(done, boost::system::errc::message_size);
  }
  const auto length = static_cast<std::uint32_t>(payload.size());
  payload.insert(0, record_header(mark_, RecordType::update, update.id, payload));
  const bool is_awaited = done != nullptr;
  if (is_awaited) compaction_->hold(update.id);
  auto written = [this, id = update.id, length,
                  done = std::move(done)](Result<SegmentFile::Position> at) {
    if (at) {
      index_.reach(at->segment, mark_, at->offset + record_header_size + length);
      index_.note(id, {at->segment, static_cast<std::uint32_t>(at->offset), length});
    }
    if (done) {
      done(at ? Result<>() : Result<>(at.error()));
      compaction_->let_go(id);
    }
    tidy();
  };
  writer_->append({std::move(payload), {}, std::move(written), is_awaited});
}

void LogStore::release(mail::MessageId id) {
  if (index_.has_file(id) && writer_) writer_->remove(content_name(id));
  index_.release(id);
  if (writer_) tidy();
}

// Removes what is dead, and makes more of it where that is needed.
void LogStore::tidy() {
  while (const auto segment = index_.take_dead_front()) {
    reader_.forget(*segment);
    writer_->remove(segment_name(*segment));
  }
  compaction_->start_where_needed();
}

// The message leaves the log: it would keep all that came after it.
Result<> LogStore::on_damaged(mail::MessageId id, std::string bytes) {
  const std::string copy = id.text() + ".record";
  Result<std::unique_ptr<Disk>> aside = disk_->subdirectory(std::string(damaged_name));
  Result<> copied = aside ? Result<>() : Result<>(aside.error());
  if (copied && index_.has_file(id)) {
    copied = disk_->rename(content_name(id), **aside, content_name(id));
    if (copied.has_error() && copied.error() == boost::system::errc::no_such_file_or_directory) {
      copied = Result<>();
    }
  }
  if (copied) copied = (*aside)->replace(copy, bytes);  // syncs the names of both
  if (!copied) return copied;
  net::log(net::Level::error, "set-aside",
           {{"id", id}, {"copy", "damaged/" + copy}, {"what", "its record is damaged"}});
  damaged_.insert(id.value());
  index_.release(id);
  return {};
}

Result<StoredMessage> LogStore::read(mail::MessageId id) {
  const Place* place = index_.find(id);
  if (place == nullptr) {
    return make_error_code(damaged_.contains(id.value())
                               ? boost::system::errc::bad_message
                               : boost::system::errc::no_such_file_or_directory);
  }
  const Result<std::string> bytes = reader_.read({place->segment, place->offset, place->length});
  if (!bytes) return bytes.error();
  const auto record = parse_record(index_.mark_of(place->segment), *bytes);
  auto payload =
      record && record->id == id ? parse_message(record->type, record->payload) : std::nullopt;
  if (!payload) return make_error_code(boost::system::errc::bad_message);
  if (!payload->head.is_in_file)
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

Result<std::vector<Update>> LogStore::history(mail::MessageId id) {
  return history_of(id, index_, reader_);
}

bool LogStore::is_behind() const {
  return writer_->is_failing() || writer_->unwritten() > max_unwritten;
}

Room LogStore::room() {
  const Result<Space> space = disk_->space();
  if (!space) return {false, 0, true};
  const std::uint64_t reserve = limits_.reserve > 0 ? limits_.reserve : reserve_of(*space);
  std::uint64_t free = space->available > reserve ? space->available - reserve : 0;
  if (limits_.max_size > 0) {
    const std::uint64_t used = index_.bytes() + written_ahead + index_.file_bytes() +
                               drafts_->in_files + drafts_->buffered;
    free = std::min(free, limits_.max_size > used ? limits_.max_size - used : 0);
  }
  const bool is_enough = free >= least_room && space->names >= least_names;
  if (compaction_) {
    compaction_->hurry(!is_enough);
    compaction_->start_where_needed();
  }
  return {is_enough, std::bit_floor(free), writer_ && writer_->is_failing()};
}

void LogStore::settle_down() { compaction_->stop(); }

net::Task<> LogStore::flushed() {
  while (syncing_files_ > 0) co_await files_synced_.async_wait(net::as_result);
  co_await writer_->flushed();
}

}  // namespace postern::queue
