#include "broken_disks.h"

namespace postern::queue {

using net::Result;

Result<net::Fd> LateSync::create(const std::string& name) {
  catch_up();
  return SimulatedDisk::create(name);
}

Result<> LateSync::write(int fd, std::span<const std::string_view> pieces, std::uint64_t offset) {
  catch_up();
  return SimulatedDisk::write(fd, pieces, offset);
}

Result<> LateSync::sync(int fd) {
  catch_up();
  const std::lock_guard lock(mutex_);
  late_ = fd;
  return {};
}

void LateSync::catch_up() {
  const std::lock_guard lock(mutex_);
  if (late_) (void)SimulatedDisk::sync(*late_);
  late_.reset();
}

Result<> RetriedSync::sync(int fd) {
  const Result<> result = SimulatedDisk::sync(fd);
  return result ? result : SimulatedDisk::sync(fd);
}

Result<> EarlyRemoval::sync(int fd) {
  if (++syncs_ == early_) {
    (void)SimulatedDisk::remove(name_);
    (void)SimulatedDisk::sync_names();
  }
  return SimulatedDisk::sync(fd);
}

}  // namespace postern::queue
