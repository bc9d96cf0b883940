#include "queue/log_reader.h"

#include "queue/segment.h"
#include "queue/spool_names.h"

namespace postern::queue {

net::Result<std::string> LogReader::read(const RecordPlace& record) {
  const net::Result<int> file = open(record.segment);
  if (!file) return file.error();
  return disk_.read(*file, record.offset, record_header_size + record.length);
}

net::Result<int> LogReader::open(std::uint32_t segment) {
  if (const auto known = open_.find(segment); known != open_.end()) return known->second.get();
  if (open_.size() >= max_open_segments) open_.clear();
  net::Result<net::Fd> file = disk_.open_file(segment_name(segment));
  if (!file) return file.error();
  return open_.emplace(segment, std::move(*file)).first->second.get();
}

}  // namespace postern::queue
