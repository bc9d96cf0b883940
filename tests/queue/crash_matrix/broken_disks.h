// Disks that do what a store with a certain fault would have them do. Each stands for a promise: with it, the matrix must
// find that promise broken.
#pragma once

#include <memory>
#include <optional>

#include "crash_matrix.h"
#include "net/fd.h"

namespace postern::queue {

/// A store that forgets to sync what it writes.
class UnsyncedDisk : public SimulatedDisk {
 public:
  using SimulatedDisk::SimulatedDisk;
  net::Result<> sync(int) override { return {}; }
};

/// A store that forgets to sync the directory after a new file.
class UnsyncedNames : public SimulatedDisk {
 public:
  using SimulatedDisk::SimulatedDisk;
  net::Result<> write_names() override { return {}; }
};

/// A store that answers before the sync: it comes with the next call.
class LateSync : public SimulatedDisk {
 public:
  using SimulatedDisk::SimulatedDisk;
  net::Result<net::Fd> create(const std::string& name) override;
  net::Result<> write(int fd, std::span<const std::string_view> pieces,
                      std::uint64_t offset) override;
  net::Result<> sync(int fd) override;

 private:
  void catch_up();
  std::mutex mutex_;
  std::optional<int> late_;
};

/// A store that tries a failed fsync again, and believes the second answer.
class RetriedSync : public SimulatedDisk {
 public:
  using SimulatedDisk::SimulatedDisk;
  net::Result<> sync(int fd) override;
};

/// A store that removes a segment before what moved out of it is durable: before the `early`-th sync.
class EarlyRemoval : public SimulatedDisk {
 public:
  EarlyRemoval(const std::filesystem::path& path, std::shared_ptr<Recorder> recorder,
               std::size_t early, std::string name)
      : SimulatedDisk(path, std::move(recorder)), early_(early), name_(std::move(name)) {}
  net::Result<> sync(int fd) override;

 private:
  std::size_t early_;
  std::string name_;
  std::size_t syncs_ = 0;
};

}  // namespace postern::queue
