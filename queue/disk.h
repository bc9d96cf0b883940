// The few things that the spool asks of its file system: all of them, so that a test can stand in for a disk that
// fails.
//
// What counts is POSIX's contract: the data of a file after `sync` of it, a name after `sync_names`. Safe to call
// from several threads, as long as each file is written by one at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/fd.h"
#include "net/task.h"

namespace postern::queue {

struct Space {
  std::uint64_t total = 0;      // bytes of the file system
  std::uint64_t available = 0;  // of these, what we may still take
  std::uint64_t names = 0;      // how many files may still be made
};

enum class FileKind { regular, directory, other };

/// One directory. Names are those of files right in it.
class Disk {
 public:
  /// Opens the directory; makes it, readable by us alone, where only its last part is missing.
  [[nodiscard]] static net::Result<Disk> open(const std::string& path);

  Disk(Disk&&) = default;
  Disk& operator=(Disk&&) = default;
  virtual ~Disk() = default;

  /// A new, empty file to write to; one of that name must not exist.
  [[nodiscard]] virtual net::Result<net::Fd> create(const std::string& name);
  /// A regular file to read from; an error `not_supported`: it is something else.
  [[nodiscard]] virtual net::Result<net::Fd> open_file(const std::string& name) const;
  /// Writes all of `pieces` one behind the other, from `offset` on.
  [[nodiscard]] virtual net::Result<> write(int fd, std::span<const std::string_view> pieces,
                                            std::uint64_t offset);
  [[nodiscard]] virtual net::Result<> sync(int fd);
  /// After an error, what was named or removed before it may be lost whatever a later sync says.
  [[nodiscard]] net::Result<> sync_names();
  /// How often that was so: who finds it changed since a file was made cannot rely on the file's name.
  [[nodiscard]] unsigned failed_name_syncs() const;
  /// Takes off all behind `size`.
  [[nodiscard]] virtual net::Result<> truncate(int fd, std::uint64_t size);
  /// Gives a file or a directory the name `to` in `there`, in place of what may have that name.
  [[nodiscard]] virtual net::Result<> rename(const std::string& from, Disk& there,
                                             const std::string& to);
  [[nodiscard]] virtual net::Result<> remove(const std::string& name);
  [[nodiscard]] virtual net::Result<Space> space() const;

  /// The clock by which it is quick or slow.
  [[nodiscard]] virtual net::Clock::time_point now() const { return net::Clock::now(); }

  /// The file system, where what it holds goes with the machine's memory or with a container: `tmpfs`, `overlay`; else empty.
  [[nodiscard]] std::string_view volatile_kind() const;

  /// Up to `size` bytes from `offset` on; less only at the end of the file.
  [[nodiscard]] net::Result<std::string> read(int fd, std::uint64_t offset, std::size_t size) const;
  /// The same, into `buffer`; how many.
  [[nodiscard]] net::Result<std::size_t> read(int fd, std::uint64_t offset,
                                              std::span<char> buffer) const;
  [[nodiscard]] net::Result<std::uint64_t> size_of(int fd) const;
  [[nodiscard]] net::Result<std::vector<std::string>> names() const;
  /// What has this name; nothing is opened, and no symbolic link followed.
  [[nodiscard]] net::Result<FileKind> kind_of(const std::string& name) const;
  /// Takes the lock `name`, which is held while the Fd lives; an error `operation_would_block`: another process
  /// has it.
  [[nodiscard]] net::Result<net::Fd> lock(const std::string& name);
  /// A directory in this one, made where it is missing.
  [[nodiscard]] virtual net::Result<std::unique_ptr<Disk>> subdirectory(const std::string& name);
  /// Makes or replaces a small file, durably.
  [[nodiscard]] net::Result<> replace(const std::string& name, std::string_view bytes);

 protected:
  explicit Disk(net::Fd directory) : directory_(std::move(directory)) {}
  [[nodiscard]] net::Result<net::Fd> open_subdirectory(const std::string& name);
  [[nodiscard]] virtual net::Result<> write_names();

 private:
  // The kernel reports an error once. Of two threads that sync the names, only one would learn of it.
  struct NameSyncs {
    std::mutex mutex;
    unsigned failed = 0;
  };

  net::Fd directory_;
  std::unique_ptr<NameSyncs> name_syncs_ = std::make_unique<NameSyncs>();
};

}  // namespace postern::queue
