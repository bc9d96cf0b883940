#include "queue/log_writer.h"

#include <algorithm>
#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <iterator>

#include "net/codec.h"
#include "net/log.h"
#include "queue/cannot_start.h"
#include "queue/spool_names.h"

namespace postern::queue {

namespace asio = boost::asio;

namespace {

// Between a failed batch and the next try, unless somebody appends: the fault may last.
constexpr std::chrono::seconds pause_after_fault{1};
// A fault that lasts is reported at first, and then so often.
constexpr std::chrono::minutes alarm_interval{1};

// A sync that takes less is over before another thread could have been woken for it, and the loop after it.
constexpr std::chrono::microseconds quick_sync{250};
constexpr std::size_t quick_size = 64 * 1024;  // bytes

std::size_t size_of(const std::vector<std::string_view>& pieces) {
  std::size_t size = 0;
  for (const auto piece : pieces) size += piece.size();
  return size;
}

std::size_t size_of(const LogWriter::Entry& entry) {
  return entry.front.size() + entry.back.size();
}

}  // namespace

SegmentFile::~SegmentFile() {
  if (file_) (void)disk_.truncate(file_.get(), size_);
}

net::Result<SegmentFile::Position> SegmentFile::commit(
    const std::vector<std::string_view>& pieces) {
  if (file_ && size_ + size_of(pieces) > max_size_) close();
  if (!file_) return open_and_commit(pieces);
  const Position begin{number_, size_};
  net::Result<> result = write_and_sync(pieces);
  if (result) return begin;
  close();
  return result.error();
}

net::Result<SegmentFile::Position> SegmentFile::open_and_commit(
    const std::vector<std::string_view>& pieces) {
  if (ends_.size() >= max_unnoted_ends) return make_error_code(boost::system::errc::io_error);
  const std::string name = segment_name(number_);
  const unsigned failed_name_syncs = disk_.failed_name_syncs();
  net::Result<net::Fd> file = disk_.create(name);
  if (!file) {
    // Whoever put a file there: the next try takes the next name.
    if (file.error() == boost::system::errc::file_exists) ++number_;
    return checked("create " + name, file.error()).error();
  }
  file_ = std::move(*file);
  size_ = written_ = 0;

  const std::string payload = net::encode(ends_);
  const std::string header = segment_header(mark_, number_);
  const std::string seal = record_header(mark_, RecordType::seal, {}, payload) + payload;
  std::vector<std::string_view> all{header, seal};
  all.insert(all.end(), pieces.begin(), pieces.end());
  net::Result<> result = write_and_sync(all);
  if (result) result = checked("fsync of the directory for " + name, disk_.sync_names());
  // Also one that failed for another thread meanwhile, and took our name with it.
  if (result && disk_.failed_name_syncs() != failed_name_syncs) {
    result = checked("fsync of the directory for " + name,
                     make_error_code(boost::system::errc::io_error));
  }
  if (result) {
    ends_.clear();
    return Position{number_, header.size() + seal.size()};
  }
  size_ = 0;
  // A file that never counted gives its number back, unless it cannot even be removed.
  if (disk_.remove(name)) {
    file_ = net::Fd();
  } else {
    leftovers_.push_back(name);
    close();
  }
  return result.error();
}

net::Result<> SegmentFile::write_and_sync(const std::vector<std::string_view>& pieces) {
  const std::string name = segment_name(number_);
  net::Result<> result = checked("write " + name, disk_.write(file_.get(), pieces, size_));
  if (result && size_ + size_of(pieces) > written_) {
    written_ = size_ + size_of(pieces);
    write_ahead();
  }
  if (result) result = checked("fdatasync " + name, disk_.sync(file_.get()));
  if (result) size_ += size_of(pieces);
  return result;
}

// Where the disk has no room for it, the records are there all the same; it is not tried again in this segment.
void SegmentFile::write_ahead() {
  static const std::string zeros(written_ahead, '\0');
  const std::uint64_t room = max_size_ > written_ ? max_size_ - written_ : 0;
  const auto ahead =
      std::string_view(zeros).substr(0, std::min<std::uint64_t>(written_ahead, room));
  if (ahead.empty()) return;
  const bool is_written = disk_.write(file_.get(), std::array{ahead}, written_).has_value();
  written_ = is_written ? written_ + ahead.size() : max_size_;
}

net::Result<> SegmentFile::checked(std::string_view what, net::Result<> result) {
  if (!result) fault_ = what;
  return result;
}

void SegmentFile::close() {
  // Whether or not this succeeds, the next segment's seal says where this one ends. It gives back the room that was written
  // ahead; and where there is no seal, a process that is killed and comes back does not find what was refused. A power cut
  // may undo it until there is a seal: then what was refused can come back, whole.
  (void)disk_.truncate(file_.get(), size_);
  ends_.push_back({number_, size_});
  ++number_;
  file_ = net::Fd();
}

struct LogWriter::Batch {
  std::vector<Entry> entries;
  std::vector<std::string> removals;
  bool is_probe = false;  // after a fault: written even where it is empty
  net::Result<SegmentFile::Position> begin = SegmentFile::Position{};
  std::string fault;                                        // what failed
  bool has_fault = false;                                   // of a removal
  net::Clock::duration took = net::Clock::duration::max();  // what `last_took_` becomes

  // Blocks.
  void commit(SegmentFile& file, Disk& disk) {
    std::vector<std::string_view> pieces;
    pieces.reserve(2 * entries.size());
    for (const Entry& entry : entries) {
      pieces.push_back(entry.front);
      pieces.push_back(entry.back);
    }
    if (!entries.empty() || is_probe) {
      const auto start = disk.now();
      begin = file.commit(pieces);
      took = begin ? disk.now() - start : net::Clock::duration::max();
    }
    if (!begin) {
      fault = file.fault();
      return;
    }
    std::vector<std::string> leftovers = file.take_leftovers();
    removals.insert(removals.begin(), std::move_iterator(leftovers.begin()),
                    std::move_iterator(leftovers.end()));
    remove_files(disk);
  }

  // Gone for good when this returns. Where the name is gone already, the sync of the directory failed the last time and may
  // have dropped what it was to write: the name is made once more, so that there is a removal to be synced.
  [[nodiscard]] static net::Result<> remove_segment(Disk& disk, const std::string& name) {
    const unsigned failed_name_syncs = disk.failed_name_syncs();
    net::Result<> result = disk.remove(name);
    if (!result && result.error() == boost::system::errc::no_such_file_or_directory) {
      const net::Result<net::Fd> again = disk.create(name);
      result = again ? disk.remove(name) : net::Result<>(again.error());
    }
    if (result) result = disk.sync_names();
    // Also one that failed for another thread meanwhile, and took our removal with it.
    if (result && disk.failed_name_syncs() != failed_name_syncs) {
      result = make_error_code(boost::system::errc::io_error);
    }
    return result;
  }

  // In order, and no further than the first fault: a younger segment must not go before an older one, whose messages it
  // may have ended. What is left stays in `removals`.
  void remove_files(Disk& disk) {
    auto next = removals.begin();
    const auto end = next + static_cast<std::ptrdiff_t>(std::min(removals.size(), max_removals));
    for (bool is_costly = false; next != end && !is_costly; ++next) {
      is_costly = next->ends_with(".log");
      const net::Result<> result = is_costly ? remove_segment(disk, *next) : disk.remove(*next);
      if (result || result.error() == boost::system::errc::no_such_file_or_directory) continue;
      has_fault = true;
      net::log(net::Level::warning, "remove-failed",
               {{"file", *next}, {"error", result.error().message()}});
      break;
    }
    removals.erase(removals.begin(), next);
  }
};

LogWriter::LogWriter(net::Executor executor, Disk& disk, SegmentFile file)
    : executor_(executor),
      disk_(disk),
      file_(std::move(file)),
      max_batch_(static_cast<std::size_t>(std::min<std::uint64_t>(max_batch, file_.max_size()))),
      pause_(executor),
      idle_(executor, net::Timer::time_point::max()) {}

LogWriter::~LogWriter() { thread_.join(); }

void LogWriter::append(Entry entry) {
  unwritten_ += size_of(entry);
  waiting_.push_back(std::move(entry));
  start_soon();
}

void LogWriter::remove(std::string name) {
  removals_.push_back(std::move(name));
  start_soon();
}

// At the end of this turn of the loop, so that all that is appended in it goes together.
void LogWriter::start_soon() {
  if (is_busy_) return;
  is_busy_ = true;
  asio::post(executor_, [this, alive = std::weak_ptr(alive_)] {
    if (alive.lock()) start();
  });
}

// A batch is moved to the thread and back, so that its callbacks, and what they own, die on the loop.
void LogWriter::start() {
  std::shared_ptr<Batch> batch = next_batch();
  if (is_soon_done(*batch)) {
    batch->commit(file_, disk_);
    return finish(*batch);
  }
  asio::post(thread_, [this, batch = std::move(batch), alive = std::weak_ptr(alive_),
                       work = asio::make_work_guard(executor_)]() mutable {
    batch->commit(file_, disk_);
    asio::post(executor_, [this, batch = std::move(batch), alive] {
      if (alive.lock()) finish(*batch);
    });
  });
}

// Should it turn out slow, the loop has lost that time once: the next batch goes to the thread again.
bool LogWriter::is_soon_done(const Batch& batch) const {
  if (batch.entries.size() != 1 || !batch.removals.empty() || last_took_ >= quick_sync)
    return false;
  const std::size_t size = size_of(batch.entries.front());
  return size <= quick_size && file_.is_ready_for(size);
}

std::shared_ptr<LogWriter::Batch> LogWriter::next_batch() {
  auto batch = std::make_shared<Batch>();
  std::size_t bytes = 0;
  auto end = waiting_.begin();
  for (; end != waiting_.end() && bytes < max_batch_; ++end) bytes += size_of(*end);
  batch->entries.assign(std::move_iterator(waiting_.begin()), std::move_iterator(end));
  waiting_.erase(waiting_.begin(), end);
  batch->is_probe = failures_ > 0;
  batch->took = last_took_;
  // What is to be removed may depend on records that stay behind: then it stays too.
  if (waiting_.empty()) batch->removals.swap(removals_);
  return batch;
}

void LogWriter::finish(Batch& batch) {
  is_busy_ = false;
  last_took_ = batch.took;
  net::Result<SegmentFile::Position> position = batch.begin;
  if (position) {
    if (failures_ > 0) net::log("spool-writes-again", {{"failures", std::exchange(failures_, 0)}});
  } else {
    count_failure(batch);
    keep_for_later(batch);
  }
  for (const Entry& entry : batch.entries) {
    unwritten_ -= size_of(entry);
    entry.written(position);
    if (position) position->offset += size_of(entry);
  }
  removals_.insert(removals_.begin(), batch.removals.begin(), batch.removals.end());
  if (!position || batch.has_fault) {
    if (!is_busy_) idle_.cancel();
    start_after_pause();
  } else if (!waiting_.empty() || !removals_.empty()) {
    start_soon();
  } else {
    idle_.cancel();
  }
}

void LogWriter::count_failure(const Batch& batch) {
  const auto now = net::Clock::now();
  if (failures_++ > 0 && now < next_alarm_) return;
  next_alarm_ = now + alarm_interval;
  net::log(net::Level::error, "spool-write-failed",
           {{"call", batch.fault},
            {"error", batch.begin.error().message()},
            {"failures", failures_},
            {"remedy", remedy_for(batch.begin.error())}});
}

void LogWriter::keep_for_later(Batch& batch) {
  const auto kept = std::stable_partition(batch.entries.begin(), batch.entries.end(),
                                          [](const Entry& entry) { return entry.is_awaited; });
  waiting_.insert(waiting_.begin(), std::move_iterator(kept),
                  std::move_iterator(batch.entries.end()));
  batch.entries.erase(kept, batch.entries.end());
}

void LogWriter::start_after_pause() {
  pause_.expires_after(pause_after_fault);
  pause_.async_wait([this, alive = std::weak_ptr(alive_)](net::error_code error) {
    if (!error && alive.lock()) start_soon();
  });
}

net::Task<> LogWriter::flushed() {
  while (is_busy_) co_await idle_.async_wait(net::as_result);
}

}  // namespace postern::queue
