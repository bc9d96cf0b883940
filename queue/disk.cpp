#include "queue/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace postern::queue {
namespace {

using net::Fd;
using net::Result;

constexpr mode_t private_directory = 0700;
constexpr mode_t private_file = 0600;

boost::system::error_code last_error() { return {errno, boost::system::system_category()}; }

// Of what a system call gave: negative is the error in errno.
Result<> done(int result) {
  if (result < 0) return last_error();
  return {};
}

Result<Fd> descriptor(int result) {
  if (result < 0) return last_error();
  return Fd(result);
}

Result<Fd> open_directory(int at, const char* path, int flags = 0) {
  if (::mkdirat(at, path, private_directory) < 0 && errno != EEXIST) return last_error();
  return descriptor(::openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
}

// Takes the first `count` bytes off the front of `pieces`.
std::span<iovec> advance(std::span<iovec> pieces, std::size_t count) {
  while (!pieces.empty() && count >= pieces.front().iov_len) {
    count -= pieces.front().iov_len;
    pieces = pieces.subspan(1);
  }
  if (!pieces.empty()) {
    pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + count;
    pieces.front().iov_len -= count;
  }
  return pieces;
}

}  // namespace

Result<Disk> Disk::open(const std::string& path) {
  Result<Fd> directory = open_directory(AT_FDCWD, path.c_str());
  if (!directory) return directory.error();
  return Disk(std::move(*directory));
}

Result<Fd> Disk::create(const std::string& name) {
  return descriptor(::openat(directory_.get(), name.c_str(),
                             O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, private_file));
}

Result<Fd> Disk::open_file(const std::string& name) const {
  // Whatever lies there under that name, to open it must not wait: a pipe would.
  Result<Fd> file = descriptor(
      ::openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file) return file;
  struct stat status {};
  if (::fstat(file->get(), &status) < 0) return last_error();
  if (!S_ISREG(status.st_mode)) return make_error_code(boost::system::errc::not_supported);
  return file;
}

Result<> Disk::write(int fd, std::span<const std::string_view> pieces, std::uint64_t offset) {
  std::vector<iovec> vectors;
  vectors.reserve(pieces.size());
  for (const auto piece : pieces) {
    if (!piece.empty()) vectors.push_back({const_cast<char*>(piece.data()), piece.size()});
  }
  for (std::span<iovec> rest = vectors; !rest.empty();) {
    const auto count = static_cast<int>(std::min<std::size_t>(rest.size(), IOV_MAX));
    const auto written = ::pwritev(fd, rest.data(), count, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    offset += static_cast<std::uint64_t>(written);
    rest = advance(rest, static_cast<std::size_t>(written));
  }
  return {};
}

Result<> Disk::sync(int fd) { return done(::fdatasync(fd)); }
Result<> Disk::sync_names() {
  const std::lock_guard lock(name_syncs_->mutex);
  const Result<> result = write_names();
  if (!result) ++name_syncs_->failed;
  return result;
}

unsigned Disk::failed_name_syncs() const {
  const std::lock_guard lock(name_syncs_->mutex);
  return name_syncs_->failed;
}

Result<> Disk::write_names() { return done(::fsync(directory_.get())); }

Result<> Disk::truncate(int fd, std::uint64_t size) {
  return done(::ftruncate(fd, static_cast<off_t>(size)));
}

Result<> Disk::remove(const std::string& name) {
  return done(::unlinkat(directory_.get(), name.c_str(), 0));
}

Result<Space> Disk::space() const {
  struct statvfs status {};
  if (::fstatvfs(directory_.get(), &status) < 0) return last_error();
  // File systems without a table of files (btrfs) count none: they never run out of names.
  const auto names = status.f_files == 0 ? UINT64_MAX : static_cast<std::uint64_t>(status.f_favail);
  return Space{status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize, names};
}

std::string_view Disk::volatile_kind() const {
  struct statfs status {};
  if (::fstatfs(directory_.get(), &status) < 0) return {};
  switch (status.f_type) {
    case TMPFS_MAGIC:
      return "tmpfs";
    case RAMFS_MAGIC:
      return "ramfs";
    case OVERLAYFS_SUPER_MAGIC:
      return "overlay";
    default:
      return {};
  }
}

Result<std::string> Disk::read(int fd, std::uint64_t offset, std::size_t size) const {
  std::string bytes(size, '\0');
  const Result<std::size_t> have = read(fd, offset, std::span<char>(bytes));
  if (!have) return have.error();
  bytes.resize(*have);
  return bytes;
}

Result<std::size_t> Disk::read(int fd, std::uint64_t offset, std::span<char> buffer) const {
  std::size_t have = 0;
  while (have < buffer.size()) {
    const auto n =
        ::pread(fd, buffer.data() + have, buffer.size() - have, static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return last_error();
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  return have;
}

Result<std::uint64_t> Disk::size_of(int fd) const {
  struct stat status {};
  if (::fstat(fd, &status) < 0) return last_error();
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::vector<std::string>> Disk::names() const {
  Result<Fd> copy = descriptor(::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return copy.error();
  struct Close {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };
  const std::unique_ptr<DIR, Close> directory(::fdopendir(copy->get()));
  if (!directory) return last_error();
  copy->release();
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(directory.get())) names.emplace_back(entry->d_name);
  std::sort(names.begin(), names.end());
  return names;
}

Result<FileKind> Disk::kind_of(const std::string& name) const {
  struct stat status {};
  if (::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) < 0) {
    return last_error();
  }
  if (S_ISREG(status.st_mode)) return FileKind::regular;
  return S_ISDIR(status.st_mode) ? FileKind::directory : FileKind::other;
}

Result<Fd> Disk::lock(const std::string& name) {
  Result<Fd> file = descriptor(::openat(directory_.get(), name.c_str(),
                                        O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, private_file));
  if (file && ::flock(file->get(), LOCK_EX | LOCK_NB) < 0) return last_error();
  return file;
}

Result<Fd> Disk::open_subdirectory(const std::string& name) {
  return open_directory(directory_.get(), name.c_str(), O_NOFOLLOW);
}

Result<std::unique_ptr<Disk>> Disk::subdirectory(const std::string& name) {
  Result<Fd> directory = open_subdirectory(name);
  if (!directory) return directory.error();
  return std::unique_ptr<Disk>(new Disk(std::move(*directory)));
}

Result<> Disk::rename(const std::string& from, Disk& there, const std::string& to) {
  return done(::renameat(directory_.get(), from.c_str(), there.directory_.get(), to.c_str()));
}

Result<> Disk::replace(const std::string& name, std::string_view bytes) {
  const std::string fresh = name + ".new";
  (void)remove(fresh);
  Result<Fd> file = create(fresh);
  if (!file) return file.error();
  Result<> result = write(file->get(), std::array{bytes}, 0);
  if (result) result = sync(file->get());
  if (result) result = rename(fresh, *this, name);
  return result ? sync_names() : result;
}

}  // namespace postern::queue
