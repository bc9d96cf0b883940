#include "queue/segment.h"

#include <gtest/gtest.h>

#include "net/checksum.h"
#include "net/codec.h"
#include "queue/record.h"

namespace postern::queue {
namespace {

constexpr Mark mark = 0x1122334455667788;

std::string record(std::uint64_t id, std::string payload, RecordType type = RecordType::message) {
  return record_header(mark, type, mail::MessageId(id), payload) + payload;
}

std::string segment_of(const std::vector<std::string>& records) {
  std::string segment = segment_header(mark, 7);
  for (const auto& each : records) segment += each;
  return segment;
}

struct Reading {
  std::vector<std::uint64_t> ids;
  std::vector<Damage> damages;
  std::uint64_t end = 0;
};

Reading read(std::string_view segment, Mark known_mark = mark) {
  Reading reading;
  SegmentReader reader(segment, known_mark);
  while (const auto item = reader.next()) {
    if (const auto* found = std::get_if<Record>(&*item)) reading.ids.push_back(found->id.value());
    if (const auto* damage = std::get_if<Damage>(&*item)) reading.damages.push_back(*damage);
  }
  reading.end = reader.valid_end();
  return reading;
}

const std::vector<std::string>& three() {
  static const std::vector<std::string> records{
      record(1, "first"), record(2, ""), record(3, std::string(100, 'x'), RecordType::update)};
  return records;
}

TEST(Segment, GivesBackItsRecordsInOrder) {
  const std::string segment = segment_of(three());
  const Reading reading = read(segment);
  EXPECT_EQ(reading.ids, (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_TRUE(reading.damages.empty());
  EXPECT_EQ(reading.end, segment.size());
}

TEST(Segment, TornAtAnyByteLosesOnlyWhatWasTorn) {
  const std::string segment = segment_of(three());
  std::vector<std::size_t> ends{segment_header_size};
  for (const auto& each : three()) ends.push_back(ends.back() + each.size());
  for (std::size_t size = segment_header_size; size < segment.size(); ++size) {
    SCOPED_TRACE(size);
    const Reading reading = read(std::string_view(segment).substr(0, size));
    const auto whole = std::upper_bound(ends.begin(), ends.end(), size) - ends.begin() - 1;
    EXPECT_EQ(reading.ids.size(), static_cast<std::size_t>(whole));
    EXPECT_TRUE(reading.damages.empty()) << "a torn tail is normal";
    EXPECT_EQ(reading.end, ends[static_cast<std::size_t>(whole)]);
  }
}

TEST(Segment, WithAnyBitFlippedLosesOnlyTheRecordThatHadIt) {
  const std::string whole = segment_of(three());
  std::size_t first_end = segment_header_size;
  for (std::size_t i = 0; i < 8 * whole.size(); ++i) {
    SCOPED_TRACE(i);
    std::string segment = whole;
    segment[i / 8] = static_cast<char>(segment[i / 8] ^ (1 << (i % 8)));
    std::vector<std::uint64_t> expected;
    std::size_t begin = first_end;
    std::uint64_t id = 0;
    for (const auto& each : three()) {
      ++id;
      if (i / 8 < begin || i / 8 >= begin + each.size()) expected.push_back(id);
      begin += each.size();
    }
    EXPECT_EQ(read(segment).ids, expected);
  }
}

TEST(Segment, WithADamagedHeaderIsReadByTheMarkOfTheSpool) {
  std::string segment = segment_of(three());
  segment.replace(0, segment_header_size, segment_header_size, '\0');
  EXPECT_EQ(read(segment).ids.size(), 3U);
  EXPECT_EQ(read(segment).damages.size(), 1U);
  EXPECT_TRUE(read(segment, mark + 1).ids.empty()) << "nothing is believed without the mark";
}

TEST(Segment, ReportsWhereItIsDamaged) {
  std::string segment = segment_of(three());
  const std::size_t begin = segment_header_size + three()[0].size();
  segment[begin + 3] ^= 1;
  const Reading reading = read(segment);
  EXPECT_EQ(reading.ids, (std::vector<std::uint64_t>{1, 3}));
  ASSERT_EQ(reading.damages.size(), 1U);
  EXPECT_EQ(reading.damages[0].begin, begin);
  EXPECT_EQ(reading.damages[0].end, begin + three()[1].size());
}

// Content is written by strangers: what looks like a record in it must not become one when the reader looks for
// the next.
TEST(Segment, DoesNotTakeContentForRecords) {
  const std::string forged =
      record_header(mark + 1, RecordType::message, mail::MessageId(666), "evil") + "evil";
  std::string segment = segment_of({record(1, "before" + forged + "behind"), record(2, "next")});
  segment[segment_header_size + 9] ^= 1;  // the length of the first
  EXPECT_EQ(read(segment).ids, (std::vector<std::uint64_t>{2}));
}

TEST(Segment, OfAnImpossibleLengthIsDamagedAndNotBelieved) {
  std::string segment = segment_of({record(1, "first")});
  std::string header;
  net::Encoder encoder(header);
  encoder.put(mark);
  encoder.put(std::uint32_t{0xffffffff});
  EXPECT_EQ(read(segment + header + std::string(100, '\0')).ids.size(), 1U);
}

TEST(Segment, KnowsItsVersion) {
  std::string header = segment_header(mark, 7);
  ASSERT_TRUE(header_of(header));
  EXPECT_EQ(header_of(header)->version, format_version);
  EXPECT_EQ(header_of(header)->number, 7U);
  EXPECT_EQ(mark_of(header), mark);
  header[7] = format_version + 1;
  EXPECT_FALSE(header_of(header)) << "damage is no newer version";
  header.resize(segment_header_size - 4);
  const std::uint32_t crc = net::crc32c(header);
  net::Encoder(header).put(crc);
  ASSERT_TRUE(header_of(header));
  EXPECT_EQ(header_of(header)->version, format_version + 1);
  EXPECT_EQ(mark_of(header), std::nullopt);
}

TEST(Record, OfAMessageGivesBackHeadAndContent) {
  const MessageHead head{
      mail::envelope_of_report(*mail::Mailbox::parse("a@b.example")), {}, 7, 99, false, {}};
  const std::string payload = message_front(head) + "content";
  const auto parsed = parse_message(RecordType::message, payload);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->content, "content");
  EXPECT_EQ(parsed->head.crc, 99U);
  for (std::size_t size = 0; size < payload.size(); ++size) {
    EXPECT_FALSE(parse_message(RecordType::message, std::string_view(payload).substr(0, size)))
        << size;
  }
}

}  // namespace
}  // namespace postern::queue
