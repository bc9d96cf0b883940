#include "queue/read_ahead.h"

#include <span>
#include <utility>

namespace postern::queue {

ReadAhead::ReadAhead(const Disk& disk, std::vector<std::string> names, std::uint64_t max_size)
    : disk_(disk), names_(std::move(names)), max_size_(max_size) {
  begin_next();
}

// The thread must not outlive its buffer.
ReadAhead::~ReadAhead() {
  if (size_.valid()) size_.wait();
}

net::Result<std::string_view> ReadAhead::next() {
  const net::Result<std::size_t> size = size_.get();
  std::swap(read_, ahead_);
  begin_next();
  if (!size) return size.error();
  return std::string_view(read_.data(), *size);
}

void ReadAhead::begin_next() {
  if (begun_ == names_.size()) return;
  const auto failed = [this](const net::error_code& error) {
    std::promise<net::Result<std::size_t>> promise;
    promise.set_value(error);
    size_ = promise.get_future();
  };
  net::Result<net::Fd> file = disk_.open_file(names_[begun_++]);
  if (!file) return failed(file.error());
  const net::Result<std::uint64_t> size = disk_.size_of(file->get());
  if (!size) return failed(size.error());
  if (*size > max_size_) return failed(make_error_code(boost::system::errc::file_too_large));
  size_ = std::async(std::launch::async, [this, fd = std::move(*file), size = *size] {
    if (ahead_.size() < size) ahead_.resize(size);
    return disk_.read(fd.get(), 0, std::span(ahead_).first(size));
  });
}

}  // namespace postern::queue
