// The store that Postern has by default: a log of segments (`queue/segment.h`) in one directory.
//
//   lock              held by the one process that may write here
//   mark              the secret number at the front of every record
//   NNNNNNNN.log      segments
//   ID.msg            the content of one large message
//   damaged/          copies of what was found damaged
//
// Only the oldest segment is ever deleted, when nothing in it lives any more: the directory always holds the end
// of the log, without gaps. An update stands behind its message in the log, so it cannot go before it, and nothing
// that has ended ever comes alive again. The price: a message that waits keeps all that came after it, until
// compaction moves it on. A large message's file goes once the update that ended it is durable.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>

#include "net/frames.h"
#include "queue/disk.h"
#include "queue/log_writer.h"
#include "queue/recovery.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_inline_content =
    256 * 1024;  // longer content goes to its own file
inline constexpr std::size_t max_buffered =
    64 * 1024 * 1024;  // of all drafts; beyond, they go to files at once
inline constexpr std::size_t max_unwritten =
    32 * 1024 * 1024;  // appended and not yet on disk; beyond, nothing is lent out
inline constexpr std::size_t max_open_segments = 64;  // for reading

class LogStore final : public Store {
 public:
  /// Locks the directory and makes it a spool where it is none yet.
  [[nodiscard]] static std::variant<std::unique_ptr<LogStore>, frames::CannotStart> open(
      net::Executor executor, const std::string& directory);
  /// The same on a disk that was opened elsewhere.
  [[nodiscard]] static std::variant<std::unique_ptr<LogStore>, frames::CannotStart> open(
      net::Executor executor, std::unique_ptr<Disk> disk, std::uint64_t segment_size = max_segment);

  ~LogStore() override;

  /// Reads all that is there. Once, before anything else.
  [[nodiscard]] std::optional<frames::CannotStart> recover(Visitor& visitor);

  std::unique_ptr<Draft> begin(mail::MessageId id) override;
  void accept(Incoming message, Done done) override;
  void record(Update update, Done done) override;
  void release(mail::MessageId id) override;
  void limit(const StoreLimits& limits) override { limits_ = limits; }
  void ask_state_of(StateOf state_of) override { state_of_ = std::move(state_of); }
  net::Result<StoredMessage> read(mail::MessageId id) override;
  net::Result<std::vector<Update>> history(mail::MessageId id) override;
  bool is_behind() const override;
  Room room() const override;
  net::Task<> flushed() override;

 private:
  class LogDraft;
  class Sink;
  struct Place {
    std::uint32_t segment = 0;
    std::uint32_t offset = 0;
    std::uint32_t length = 0;  // of the payload
    bool has_file = false;
  };
  struct Segment {
    Mark mark = 0;
    std::uint32_t live = 0;  // messages in it that have not ended
    net::Fd file;            // for reading, opened when first needed
  };

  LogStore(net::Executor executor, std::unique_ptr<Disk> disk, net::Fd lock, Mark mark,
           std::uint64_t segment_size);

  void append(mail::MessageId id, const MessageHead& head, std::string content, Done done);
  void accept_file(mail::MessageId id, MessageHead head, std::unique_ptr<LogDraft> draft,
                   Done done);
  void on_file_synced(mail::MessageId id, const MessageHead& head, std::unique_ptr<LogDraft> draft,
                      net::Result<> result, Done done);
  void put(mail::MessageId id, Place place, Mark mark);
  void on_segment(std::uint32_t number);
  [[nodiscard]] bool has_content(mail::MessageId id) const;
  void delete_dead_segments();
  void remove_leftovers();
  [[nodiscard]] net::Result<int> open_for_reading(std::uint32_t segment);

  net::Executor executor_;
  std::unique_ptr<Disk> disk_;
  net::Fd lock_;
  Mark mark_;
  std::uint64_t segment_size_;
  StoreLimits limits_;
  StateOf state_of_;
  std::unordered_map<std::uint64_t, Place> index_;  // by message id
  std::map<std::uint32_t, Segment> segments_;
  std::size_t open_segments_ = 0;
  std::size_t buffered_ = 0;       // bytes of content in drafts
  std::size_t syncing_files_ = 0;  // large messages on their way
  net::Timer files_synced_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unique_ptr<LogWriter> writer_;        // from the end of recovery on
  boost::asio::thread_pool file_thread_{1};  // syncs large messages, which would hold up the log
};

}  // namespace postern::queue
