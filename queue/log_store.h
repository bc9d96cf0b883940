// The store that Postern has by default: a log of segments (`queue/segment.h`) in one directory.
//
//   lock              held by the one process that may write here
//   mark              the secret number at the front of every record
//   NNNNNNNN.log      segments
//   ID.msg            the content of one large message
//   damaged/          what was found damaged, and files that are none of ours (`queue/quarantine.h`)
//
// Only the oldest segment is ever deleted, when nothing in it lives any more: the directory always holds the end
// of the log, without gaps. An update stands behind its message in the log, so it cannot go before it, and nothing
// that has ended ever comes alive again. What lives among much that is dead is moved to the end (`queue/compaction.h`). A
// large message's file goes once the update that ended it is durable.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <memory>
#include <string>
#include <unordered_set>
#include <variant>

#include "net/frames.h"
#include "queue/compaction.h"
#include "queue/disk.h"
#include "queue/log_draft.h"
#include "queue/log_index.h"
#include "queue/log_reader.h"
#include "queue/log_writer.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_unwritten =
    32 * 1024 * 1024;  // bytes appended and not yet on disk; beyond, nothing is lent out
inline constexpr std::uint64_t least_segment = 1024 * 1024;  // bytes, on a small disk

struct RecoveredSegment;

class LogStore final : public Store {
 public:
  /// Locks the directory and makes it a spool where it is none yet.
  [[nodiscard]] static std::variant<std::unique_ptr<LogStore>, frames::CannotStart> open(
      net::Executor executor, const std::string& directory);
  /// The same on a disk that was opened elsewhere. `segment_size`: bytes; 0: as the disk and the limits ask for.
  [[nodiscard]] static std::variant<std::unique_ptr<LogStore>, frames::CannotStart> open(
      net::Executor executor, std::unique_ptr<Disk> disk, std::uint64_t segment_size = 0);

  ~LogStore() override;

  /// Reads all that is there. Once, before anything else but `limit` and `ask_state_of`.
  [[nodiscard]] std::optional<frames::CannotStart> recover(Visitor& visitor);

  void limit(const StoreLimits& limits) override { limits_ = limits; }
  void ask_state_of(StateOf state_of) override { state_of_ = std::move(state_of); }
  std::unique_ptr<Draft> begin(mail::MessageId id) override;
  void accept(Incoming message, Done done) override;
  void record(Update update, Done done) override;
  void release(mail::MessageId id) override;
  net::Result<StoredMessage> read(mail::MessageId id) override;
  net::Result<std::vector<Update>> history(mail::MessageId id) override;
  Room room() override;
  bool is_behind() const override;
  void settle_down() override;
  net::Task<> flushed() override;

  /// What it takes on disk, and what of that lives.
  const LogIndex& index() const { return index_; }

 private:
  LogStore(net::Executor executor, std::unique_ptr<Disk> disk, net::Fd lock, Mark mark,
           std::uint64_t segment_size);

  void append(mail::MessageId id, const MessageHead& head, std::string content, Done done);
  void accept_file(mail::MessageId id, MessageHead head, std::unique_ptr<LogDraft> draft,
                   Done done);
  void on_file_synced(mail::MessageId id, const MessageHead& head, std::unique_ptr<LogDraft> draft,
                      net::Result<> result, Done done);
  void refuse(const Done& done, boost::system::errc::errc_t error);
  [[nodiscard]] net::Result<> on_damaged(mail::MessageId id, std::string bytes);
  [[nodiscard]] net::Result<> make_durable(const std::vector<RecoveredSegment>& segments);
  [[nodiscard]] std::uint64_t chosen_segment_size() const;
  void tidy();
  void clear_leftovers(class Quarantine& quarantine);

  net::Executor executor_;
  std::unique_ptr<Disk> disk_;
  net::Fd lock_;
  Mark mark_;
  std::uint64_t segment_size_;
  bool has_lost_segments_ = false;  // some were set aside before the log was read
  StoreLimits limits_;
  StateOf state_of_;
  LogIndex index_;
  LogReader reader_;
  std::unordered_set<std::uint64_t> damaged_;  // ids: set aside since the start
  std::shared_ptr<DraftSpace> drafts_;
  std::size_t syncing_files_ = 0;  // large messages on their way
  net::Timer files_synced_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<LogWriter> writer_;  // from the end of recovery on, as is compaction_
  std::unique_ptr<Compaction> compaction_;
  boost::asio::thread_pool file_thread_{1};  // syncs large messages, which would hold up the log
};

}  // namespace postern::queue
