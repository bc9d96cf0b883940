// What a power cut may leave of a message that was being moved (`queue/compaction.h`).
#include <gtest/gtest.h>

#include <fstream>

#include "net/checksum.h"
#include "net/codec.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

constexpr Mark mark = 0x1122334455667788;
constexpr mail::MessageId id(1);
const std::string content = "Subject: moved\r\n\r\nbody\r\n";

std::string message() {
  const MessageHead head{envelope("a@from.example", {"b@to.example", "c@to.example"}),
                         {},
                         content.size(),
                         net::crc32c(content),
                         false,
                         {}};
  const std::string front = message_front(head);
  return record_header(mark, RecordType::message, id, front, content) + front + content;
}

std::string update() {
  const std::string payload = net::encode(delivered(1));
  return record_header(mark, RecordType::update, id, payload) + payload;
}

void write_segment(const TemporaryDirectory& directory, std::uint32_t number,
                   const std::string& records) {
  const std::string seal = net::encode(Seal{});
  std::ofstream(directory.path() / segment_name(number), std::ios::binary)
      << segment_header(mark, number) << record_header(mark, RecordType::seal, {}, seal) << seal
      << records;
}

// The older segment holds the only word of the first recipient's delivery.
TEST(Copy, DoesNotCountWithoutWhatWasMovedAlongWithIt) {
  for (const bool is_whole : {false, true}) {
    SCOPED_TRACE(is_whole ? "copy and companion" : "copy alone");
    const TemporaryDirectory directory;
    write_segment(directory, 1, message() + update());
    write_segment(directory, 2, message() + (is_whole ? update() : ""));
    {
      Spool spool(directory.path());
      spool.accept(2, content);
      spool.run();
    }
    EXPECT_EQ(std::filesystem::exists(directory.path() / segment_name(1)), !is_whole);
    Spool again(directory.path());
    EXPECT_TRUE(again.found.heads.contains(id));
    EXPECT_FALSE(again.found.updates.empty());
    EXPECT_EQ(again.content_of(1), content);
  }
}

}  // namespace
}  // namespace postern::queue
