// A disk that writes down, in one order, all that is done to it, and that fails when it is told to.
//
// It works on a real directory, which shows what a living kernel would; what a power cut leaves is for
// `crash_matrix/file_system.h` to say, from the history. Syncs are only written down.
#pragma once

#include <boost/system/error_code.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "file_system.h"
#include "queue/disk.h"

namespace postern::queue {

/// Which calls fail. A write that fails has written some of its bytes.
struct FaultPlan {
  enum class Calls { none, that_change, that_read };
  Calls calls = Calls::none;
  std::size_t first = 1;  // of these calls, the first that fails
  std::size_t count = 1;
  boost::system::errc::errc_t error = boost::system::errc::io_error;
};

/// What the disks of one spool share: its directory and those in it.
class Recorder {
 public:
  /// `tree`: the files that are there already, whose numbers end before `next_inode`.
  explicit Recorder(FaultPlan faults = {}, FileSystem::Tree tree = {{root, {}}},
                    InodeId next_inode = root + 1)
      : faults_(faults), tree_(std::move(tree)), next_inode_(next_inode) {}

  /// How many operations there were.
  [[nodiscard]] std::size_t size() const;
  /// After the disks are gone.
  const History& history() const { return history_; }
  /// Whether one of the calls that are to fail was made.
  [[nodiscard]] bool has_failed() const;

 private:
  friend class SimulatedDisk;
  [[nodiscard]] bool fails(FaultPlan::Calls calls);

  mutable std::mutex mutex_;
  FaultPlan faults_;
  std::size_t calls_ = 0;
  FileSystem::Tree tree_;
  InodeId next_inode_;
  std::map<int, InodeId> open_;  // by descriptor; of a closed one until it is used again
  History history_;
};

class SimulatedDisk : public Disk {
 public:
  SimulatedDisk(const std::filesystem::path& path, std::shared_ptr<Recorder> recorder,
                InodeId directory = root);

  net::Result<net::Fd> create(const std::string& name) override;
  net::Result<net::Fd> open_file(const std::string& name) const override;
  net::Result<> write(int fd, std::span<const std::string_view> pieces,
                      std::uint64_t offset) override;
  net::Result<> sync(int fd) override;
  /// It has no clock, so that a scenario repeats itself: a lone record is always synced by the loop.
  net::Clock::time_point now() const override { return {}; }
  net::Result<> write_names() override;
  net::Result<> truncate(int fd, std::uint64_t size) override;
  net::Result<> rename(const std::string& from, Disk& there, const std::string& to) override;
  net::Result<> remove(const std::string& name) override;
  net::Result<std::unique_ptr<Disk>> subdirectory(const std::string& name) override;

 private:
  std::filesystem::path path_;
  std::shared_ptr<Recorder> recorder_;
  InodeId directory_;
};

}  // namespace postern::queue
