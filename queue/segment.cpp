#include "queue/segment.h"

#include <algorithm>

#include "net/checksum.h"
#include "net/codec.h"

namespace postern::queue {
namespace {

constexpr std::string_view magic = "PoSegmt";
constexpr std::size_t crc_offset = record_header_size - 4;

struct RecordHeader {
  Mark mark = 0;
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  mail::MessageId id;
  std::uint32_t crc = 0;
};

std::string bytes_of(Mark mark) { return net::encode(mark); }

}  // namespace

std::string segment_header(Mark mark, std::uint32_t number) {
  std::string header(magic);
  net::Encoder encoder(header);
  encoder.put(static_cast<std::uint8_t>(format_version));
  encoder.put(mark);
  encoder.put(number);
  encoder.put(net::crc32c(header));
  return header;
}

std::optional<SegmentHeader> header_of(std::string_view segment) {
  const auto header = segment.substr(0, segment_header_size);
  if (header.size() < segment_header_size || !header.starts_with(magic)) return std::nullopt;
  const auto crc = net::decode<std::uint32_t>(header.substr(20));
  if (crc != net::crc32c(header.substr(0, 20))) return std::nullopt;
  return SegmentHeader{static_cast<unsigned char>(header[magic.size()]),
                       *net::decode<Mark>(header.substr(8, 8)),
                       *net::decode<std::uint32_t>(header.substr(16, 4))};
}

std::optional<Mark> mark_of(std::string_view segment) {
  const auto header = header_of(segment);
  if (!header || header->version > format_version) return std::nullopt;
  return header->mark;
}

std::optional<mail::MessageId> claimed_id(Mark mark, std::string_view bytes) {
  const auto header = net::decode<RecordHeader>(bytes.substr(0, record_header_size));
  if (!header || header->mark != mark || header->id.value() == 0) return std::nullopt;
  return header->id;
}

std::string record_header(Mark mark, RecordType type, mail::MessageId id, std::string_view front,
                          std::string_view back) {
  std::string header;
  header.reserve(record_header_size);
  net::Encoder encoder(header);
  encoder.put(mark);
  encoder.put(static_cast<std::uint32_t>(front.size() + back.size()));
  encoder.put(type);
  encoder.put(id);
  encoder.put(net::crc32c(back, net::crc32c(front, net::crc32c(header))));
  return header;
}

std::optional<Record> parse_record(Mark mark, std::string_view bytes) {
  const auto header = net::decode<RecordHeader>(bytes.substr(0, record_header_size));
  if (!header || header->mark != mark) return std::nullopt;
  if (header->length > max_payload || header->length > bytes.size() - record_header_size) {
    return std::nullopt;
  }
  const auto payload = bytes.substr(record_header_size, header->length);
  if (header->crc != net::crc32c(payload, net::crc32c(bytes.substr(0, crc_offset)))) {
    return std::nullopt;
  }
  return Record{static_cast<RecordType>(header->type), header->id, payload, 0};
}

SegmentReader::SegmentReader(std::string_view segment, Mark mark)
    : segment_(segment),
      mark_(mark_of(segment).value_or(mark)),
      is_header_damaged_(segment.size() >= segment_header_size && !mark_of(segment)) {}

std::optional<Record> SegmentReader::record_at(std::size_t offset) const {
  auto record = parse_record(mark_, segment_.substr(offset));
  if (record) record->offset = offset;
  return record;
}

std::optional<SegmentReader::Item> SegmentReader::next() {
  if (is_header_damaged_) {
    is_header_damaged_ = false;
    return Damage{0, segment_header_size};
  }
  if (at_ >= segment_.size()) return std::nullopt;
  const std::size_t begin = at_;
  const std::string mark = bytes_of(mark_);
  // A search for the mark costs little even over a whole segment: no checksum is computed where it does not stand.
  for (; at_ < segment_.size(); at_ = segment_.find(mark, at_ + 1)) {
    const auto record = record_at(at_);
    if (!record) continue;
    if (at_ > begin) return Damage{begin, at_};
    at_ += record_header_size + record->payload.size();
    valid_end_ = at_;
    return *record;
  }
  at_ = segment_.size();
  return std::nullopt;
}

}  // namespace postern::queue
