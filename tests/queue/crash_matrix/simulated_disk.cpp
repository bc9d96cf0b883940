#include "simulated_disk.h"

#include <array>

namespace postern::queue {

using net::Result;
using Calls = FaultPlan::Calls;

std::size_t Recorder::size() const {
  const std::lock_guard lock(mutex_);
  return history_.size();
}

bool Recorder::has_failed() const {
  const std::lock_guard lock(mutex_);
  return faults_.calls != Calls::none && calls_ >= faults_.first;
}

bool Recorder::fails(Calls calls) {
  if (calls != faults_.calls) return false;
  ++calls_;
  return calls_ >= faults_.first && calls_ - faults_.first < faults_.count;
}

SimulatedDisk::SimulatedDisk(const std::filesystem::path& path, std::shared_ptr<Recorder> recorder,
                             InodeId directory)
    : Disk(std::move(*Disk::open(path.string()))),
      path_(path),
      recorder_(std::move(recorder)),
      directory_(directory) {}

Result<net::Fd> SimulatedDisk::create(const std::string& name) {
  const std::lock_guard lock(recorder_->mutex_);
  if (recorder_->fails(Calls::that_change)) return make_error_code(recorder_->faults_.error);
  Result<net::Fd> file = Disk::create(name);
  if (!file) return file;
  const InodeId inode = recorder_->next_inode_++;
  recorder_->open_[file->get()] = recorder_->tree_[directory_][name] = inode;
  recorder_->history_.push_back(
      {.kind = Operation::Kind::create, .directory = directory_, .name = name, .inode = inode});
  return file;
}

Result<net::Fd> SimulatedDisk::open_file(const std::string& name) const {
  const std::lock_guard lock(recorder_->mutex_);
  if (recorder_->fails(Calls::that_read)) return make_error_code(recorder_->faults_.error);
  Result<net::Fd> file = Disk::open_file(name);
  if (file) recorder_->open_[file->get()] = recorder_->tree_[directory_][name];
  return file;
}

Result<> SimulatedDisk::write(int fd, std::span<const std::string_view> pieces,
                              std::uint64_t offset) {
  const std::lock_guard lock(recorder_->mutex_);
  std::string bytes;
  for (const auto piece : pieces) bytes += piece;
  const bool fails = recorder_->fails(Calls::that_change);
  // Nothing, a half, or nearly all.
  if (fails) bytes.resize(bytes.size() * (recorder_->calls_ % 3) * 49 / 100);
  const Result<> result = Disk::write(fd, std::array<std::string_view, 1>{bytes}, offset);
  if (!result) return result;
  recorder_->history_.push_back({.kind = Operation::Kind::write,
                                 .inode = recorder_->open_.at(fd),
                                 .offset = offset,
                                 .bytes = std::make_shared<const std::string>(std::move(bytes))});
  if (fails) return make_error_code(recorder_->faults_.error);
  return {};
}

Result<> SimulatedDisk::sync(int fd) {
  const std::lock_guard lock(recorder_->mutex_);
  const bool fails = recorder_->fails(Calls::that_change);
  recorder_->history_.push_back(
      {.kind = Operation::Kind::sync, .inode = recorder_->open_.at(fd), .has_failed = fails});
  if (fails) return make_error_code(recorder_->faults_.error);
  return {};
}

Result<> SimulatedDisk::write_names() {
  const std::lock_guard lock(recorder_->mutex_);
  const bool fails = recorder_->fails(Calls::that_change);
  recorder_->history_.push_back(
      {.kind = Operation::Kind::sync_names, .directory = directory_, .has_failed = fails});
  if (fails) return make_error_code(recorder_->faults_.error);
  return {};
}

Result<> SimulatedDisk::truncate(int fd, std::uint64_t size) {
  const std::lock_guard lock(recorder_->mutex_);
  if (recorder_->fails(Calls::that_change)) return make_error_code(recorder_->faults_.error);
  const Result<> result = Disk::truncate(fd, size);
  if (!result) return result;
  recorder_->history_.push_back(
      {.kind = Operation::Kind::truncate, .inode = recorder_->open_.at(fd), .offset = size});
  return {};
}

Result<> SimulatedDisk::rename(const std::string& from, Disk& there, const std::string& to) {
  const std::lock_guard lock(recorder_->mutex_);
  if (recorder_->fails(Calls::that_change)) return make_error_code(recorder_->faults_.error);
  const Result<> result = Disk::rename(from, there, to);
  if (!result) return result;
  const InodeId other = dynamic_cast<SimulatedDisk&>(there).directory_;
  const InodeId inode = recorder_->tree_[directory_].extract(from).mapped();
  recorder_->tree_[other][to] = inode;
  recorder_->history_.push_back({.kind = Operation::Kind::rename,
                                 .directory = directory_,
                                 .name = from,
                                 .there = other,
                                 .to = to,
                                 .inode = inode});
  return {};
}

Result<> SimulatedDisk::remove(const std::string& name) {
  const std::lock_guard lock(recorder_->mutex_);
  if (recorder_->fails(Calls::that_change)) return make_error_code(recorder_->faults_.error);
  const Result<> result = Disk::remove(name);
  if (!result) return result;
  recorder_->tree_[directory_].erase(name);
  recorder_->history_.push_back(
      {.kind = Operation::Kind::remove, .directory = directory_, .name = name});
  return {};
}

Result<std::unique_ptr<Disk>> SimulatedDisk::subdirectory(const std::string& name) {
  const std::lock_guard lock(recorder_->mutex_);
  auto& names = recorder_->tree_[directory_];
  if (!names.contains(name)) {
    if (recorder_->fails(Calls::that_change)) return make_error_code(recorder_->faults_.error);
    names[name] = recorder_->next_inode_;
    recorder_->tree_[recorder_->next_inode_];
    recorder_->history_.push_back({.kind = Operation::Kind::make_directory,
                                   .directory = directory_,
                                   .name = name,
                                   .inode = recorder_->next_inode_++});
  }
  return std::unique_ptr<Disk>(
      std::make_unique<SimulatedDisk>(path_ / name, recorder_, names.at(name)));
}

}  // namespace postern::queue
