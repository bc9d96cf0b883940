#include "queue/log_draft.h"

#include <array>
#include <utility>

#include "net/checksum.h"
#include "net/log.h"
#include "queue/cannot_start.h"

namespace postern::queue {
void DraftSpace::raise_alarm(const std::string& file, const net::error_code& error) {
  const auto now = net::Clock::now();
  if (now < next_alarm) return;
  next_alarm = now + std::chrono::minutes(1);
  net::log(net::Level::error, "spool-write-failed",
           {{"file", file}, {"error", error.message()}, {"remedy", remedy_for(error)}});
}

LogDraft::~LogDraft() {
  const auto space = space_.lock();
  if (!space) return;
  space->buffered -= content_.size();
  if (!file_) return;
  space->in_files -= size_;
  if (is_kept_) return;
  file_ = net::Fd();
  const net::Result<> removed = space->disk.remove(name_);
  if (!removed) {
    net::log(net::Level::warning, "remove-failed",
             {{"file", name_}, {"error", removed.error().message()}});
  }
}

net::Result<> LogDraft::add(std::string bytes) {
  const auto space = space_.lock();
  if (!space) return make_error_code(boost::system::errc::operation_canceled);
  const net::Result<> written = write(*space, std::move(bytes));
  if (!written) space->raise_alarm(name_, written.error());
  return written;
}

net::Result<> LogDraft::write(DraftSpace& space, std::string bytes) {
  const std::uint64_t offset = size_;
  if (!file_ && (offset + bytes.size() > max_inline_content ||
                 space.buffered + bytes.size() > max_buffered)) {
    const net::Result<> moved = move_to_file(space);
    if (!moved) return moved;
  }
  size_ += bytes.size();
  crc_ = net::crc32c(bytes, crc_);
  if (file_) {
    space.in_files += bytes.size();
    return space.disk.write(file_.get(), std::array<std::string_view, 1>{bytes}, offset);
  }
  space.buffered += bytes.size();
  if (content_.empty()) {
    content_ = std::move(bytes);
  } else {
    content_ += bytes;
  }
  return {};
}

std::string LogDraft::take_content() {
  if (const auto space = space_.lock()) space->buffered -= content_.size();
  return std::exchange(content_, {});
}

net::Result<> LogDraft::move_to_file(DraftSpace& space) {
  failed_name_syncs_ = space.disk.failed_name_syncs();
  net::Result<net::Fd> file = space.disk.create(name_);
  if (!file) return file.error();
  file_ = std::move(*file);
  const std::string content = take_content();
  space.in_files += content.size();
  return space.disk.write(file_.get(), std::array<std::string_view, 1>{content}, 0);
}

}  // namespace postern::queue
