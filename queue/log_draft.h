// Content on its way into the log: in memory while it is small, then in a file of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "queue/disk.h"
#include "queue/spool_names.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_inline_content =
    256 * 1024;  // longer content goes to its own file
inline constexpr std::size_t max_buffered =
    64 * 1024 * 1024;  // of all drafts; beyond, they go to files at once

/// What all drafts share. When it dies before them, they leave their files to recovery.
struct DraftSpace {
  Disk& disk;
  std::size_t buffered = 0;    // bytes in memory
  std::uint64_t in_files = 0;  // bytes, of messages that are not accepted yet
  net::Clock::time_point next_alarm = {};

  /// A file cannot be written, and why: said loudly, but not again for a minute.
  void raise_alarm(const std::string& file, const net::error_code& error);
};

class LogDraft final : public Draft {
 public:
  LogDraft(const std::shared_ptr<DraftSpace>& space, mail::MessageId id)
      : space_(space), name_(content_name(id)) {}
  LogDraft(const LogDraft&) = delete;
  LogDraft& operator=(const LogDraft&) = delete;
  ~LogDraft() override;

  net::Result<> add(std::string bytes) override;
  std::uint64_t size() const override { return size_; }
  std::uint32_t crc() const { return crc_; }
  const std::string& name() const { return name_; }  // of its file
  bool is_in_file() const { return static_cast<bool>(file_); }
  int file() const { return file_.get(); }
  std::string take_content();
  /// Of the disk, before the file was made.
  unsigned failed_name_syncs() const { return failed_name_syncs_; }
  /// The file stays.
  void keep() { is_kept_ = true; }

 private:
  [[nodiscard]] net::Result<> write(DraftSpace& space, std::string bytes);
  [[nodiscard]] net::Result<> move_to_file(DraftSpace& space);

  std::weak_ptr<DraftSpace> space_;
  std::string name_;
  std::string content_;
  net::Fd file_;
  std::uint64_t size_ = 0;
  std::uint32_t crc_ = 0;
  unsigned failed_name_syncs_ = 0;
  bool is_kept_ = false;
};

}  // namespace postern::queue
