// The end of the log: appends records to the newest segment, many to one sync (group commit).
//
// One batch is on its way at a time, on the disk's thread; what is appended meanwhile goes with the next. So one client waits
// for one sync, and five hundred wait for about one too. The batch holds all that the thread touches: nothing is
// shared, nothing is locked. A lone record, on a disk that is quick, does without the thread.
//
// After a failed write or sync the segment is dead, its batch fails, and the next batch opens a new segment, whose
// seal says where the dead one ends. Records that nobody waits for are kept for that batch. When that fails too, the disk is
// failing: then it is tried once a second, until it works again.
//
// A new segment's file is synced with its first batch, and its name before that batch counts.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "net/task.h"
#include "queue/disk.h"
#include "queue/record.h"
#include "queue/segment.h"

namespace postern::queue {

inline constexpr std::uint64_t max_segment =
    64 * 1024 * 1024;  // bytes; a batch that began before may go over it
inline constexpr std::size_t max_batch =
    8 * 1024 * 1024;  // bytes written before one sync; a segment is no longer than one goes over it
/// Zeros that are written behind the records where they reach what was written so far. A sync of bytes that only replace
/// others has no length and no blocks to write down: it takes half the time and the CPU of one that makes the file longer.
inline constexpr std::uint64_t written_ahead = 256 * 1024;
inline constexpr std::size_t max_removals =
    16;  // files removed with one batch; of segments, each of which costs a sync, one
inline constexpr std::size_t max_unnoted_ends =
    64 * 1024;  // seal entries that wait for a segment to hold them

/// The part of the writer that does not live on the loop. Blocks.
class SegmentFile {
 public:
  struct Position {
    std::uint32_t segment = 0;
    std::uint64_t offset = 0;
  };

  /// The first segment will be `next`, and its seal will hold `ends`.
  SegmentFile(Disk& disk, Mark mark, std::uint32_t next, Seal ends, std::uint64_t max_size)
      : disk_(disk), mark_(mark), number_(next), ends_(std::move(ends)), max_size_(max_size) {}
  SegmentFile(SegmentFile&&) = default;
  SegmentFile& operator=(SegmentFile&&) = delete;
  /// Gives back the room that was written ahead.
  ~SegmentFile();

  /// Writes the pieces and syncs; where they begin. After an error none of them counts.
  [[nodiscard]] net::Result<Position> commit(const std::vector<std::string_view>& pieces);

  /// What failed last: `fdatasync 00000007.log`.
  const std::string& fault() const { return fault_; }
  /// Files that never counted and could not be removed. They must go before the segment whose seal says so.
  [[nodiscard]] std::vector<std::string> take_leftovers() { return std::exchange(leftovers_, {}); }
  std::uint64_t max_size() const { return max_size_; }
  /// So many bytes would replace what was written ahead, and nothing else is to be done for them but a sync.
  bool is_ready_for(std::size_t size) const { return file_ && size_ + size <= written_; }

 private:
  [[nodiscard]] net::Result<Position> open_and_commit(const std::vector<std::string_view>& pieces);
  [[nodiscard]] net::Result<> write_and_sync(const std::vector<std::string_view>& pieces);
  [[nodiscard]] net::Result<> checked(std::string_view what, net::Result<> result);
  void write_ahead();
  void close();

  Disk& disk_;
  Mark mark_;
  std::uint32_t number_;       // of the open segment, or of the one to be opened
  net::Fd file_;               // none: the next commit opens a segment
  std::uint64_t size_ = 0;     // of the open segment: what is committed
  std::uint64_t written_ = 0;  // of its file: records, and zeros behind them
  Seal ends_;                  // of segments that no later segment speaks of yet
  std::uint64_t max_size_;
  std::string fault_;
  std::vector<std::string> leftovers_;
};

class LogWriter {
 public:
  /// Where a record begins, once it is durable.
  using Written = std::function<void(net::Result<SegmentFile::Position>)>;

  struct Entry {
    std::string front;  // the record's header and the front of its payload
    std::string back;   // the rest, which is not copied together with it
    Written written;
    bool is_awaited =
        true;  // false: after a fault it is written again, and `written` is not called before
  };

  LogWriter(net::Executor executor, Disk& disk, SegmentFile file);
  /// Lets the batch under way finish; nobody is told any more.
  ~LogWriter();

  void append(Entry entry);

  /// Removes the file once all that was appended so far is durable; a segment's name so that it is gone for good
  /// before any other file is removed.
  void remove(std::string name);

  /// Bytes that were appended and are not yet written.
  std::size_t unwritten() const { return unwritten_; }

  /// The last try failed.
  bool has_failed() const { return failures_ > 0; }
  /// The last two tries failed, at least.
  bool is_failing() const { return failures_ > 1; }

  /// Waits until nothing is under way. What is kept after a fault is not waited for.
  [[nodiscard]] net::Task<> flushed();

 private:
  struct Batch;
  struct Alive {};

  void start_soon();
  void start();
  [[nodiscard]] std::shared_ptr<Batch> next_batch();
  [[nodiscard]] bool is_soon_done(const Batch& batch) const;
  void finish(Batch& batch);
  void keep_for_later(Batch& batch);
  void count_failure(const Batch& batch);
  void start_after_pause();

  net::Executor executor_;
  Disk& disk_;
  SegmentFile file_;
  std::size_t max_batch_;
  std::vector<Entry> waiting_;
  std::vector<std::string> removals_;
  std::size_t unwritten_ = 0;
  unsigned failures_ = 0;                                         // in a row
  net::Clock::time_point next_alarm_;                             // about them
  net::Clock::duration last_took_ = net::Clock::duration::max();  // for records; max: unknown
  bool is_busy_ = false;  // a batch is under way, or about to be
  net::Timer pause_;      // after a fault
  net::Timer idle_;       // cancelled when nothing is left
  std::shared_ptr<Alive> alive_ = std::make_shared<Alive>();
  boost::asio::thread_pool thread_{1};
};

}  // namespace postern::queue
