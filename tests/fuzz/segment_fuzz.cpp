// The spool's reader, over a segment of any bytes: it always ends, and what it gives lies inside of what it was given.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "net/codec.h"
#include "queue/record.h"
#include "queue/segment.h"

using namespace postern;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr queue::Mark mark = 0x6b72616d6b72616d;  // "markmark": what a fuzzer can find
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  queue::SegmentReader reader(bytes, mark);
  std::uint64_t end = 0;
  while (const auto item = reader.next()) {
    if (const auto* damage = std::get_if<queue::Damage>(&*item)) {
      if (damage->begin < end || damage->end <= damage->begin || damage->end > size) std::abort();
      end = damage->end;
    } else {
      const auto& record = std::get<queue::Record>(*item);
      if (record.offset < end || record.offset + record.payload.size() > size) std::abort();
      end = record.offset + queue::record_header_size + record.payload.size();
    }
  }
  (void)queue::parse_message(queue::RecordType::message, bytes);
  (void)queue::parse_message(queue::RecordType::old_message, bytes);
  (void)net::decode<queue::Update>(bytes);
  (void)net::decode<queue::Seal>(bytes);
  return 0;
}
