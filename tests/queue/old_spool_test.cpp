// A spool that the version before wrote: its mail is delivered as if nothing had happened.
#include <gtest/gtest.h>

#include <fstream>

#include "net/checksum.h"
#include "net/codec.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

constexpr Mark mark = 0x1122334455667788;
constexpr std::uint8_t old_type = 1;
const std::string content = "Subject: old\r\n\r\nbody\r\n";

/// The front of a message's payload, byte by byte as version 1 had it. `report_on`: what it reports.
std::string old_head(const std::vector<std::string>& to, const std::string& text,
                     const std::optional<Update>& reports = std::nullopt) {
  std::string head;
  net::Encoder encoder(head);
  for (const char* origin : {"192.0.2.7", "client.example", "alice", "TLSv1.3"}) {
    encoder.put(std::string(origin));
  }
  encoder.put(mail::ReversePath(mailbox("a@from.example")));
  encoder.put(to);
  encoder.put(mail::BodyType::eight_bit);
  encoder.put(std::chrono::system_clock::time_point(std::chrono::hours(500'000)));
  encoder.put(static_cast<std::uint64_t>(text.size()));
  encoder.put(net::crc32c(text));
  encoder.put(false);
  encoder.put(reports);
  return net::encode(static_cast<std::uint32_t>(head.size())) + head;
}

std::string record(RecordType type, std::uint64_t id, const std::string& payload) {
  return record_header(mark, type, mail::MessageId(id), payload) + payload;
}

/// The header of a segment of this version.
std::string header_of_version(std::uint8_t version) {
  std::string header = "PoSegmt";
  net::Encoder encoder(header);
  encoder.put(version);
  encoder.put(mark);
  encoder.put(std::uint32_t{1});
  encoder.put(net::crc32c(header));
  return header;
}

void write_spool(const TemporaryDirectory& directory, const std::string& segment) {
  std::ofstream(directory.path() / "00000001.log", std::ios::binary) << segment;
}

TEST(OldSpool, IsReadWithAllThatWasWaiting) {
  const TemporaryDirectory directory;
  const auto old = static_cast<RecordType>(old_type);
  write_spool(directory,
              header_of_version(1) + record(RecordType::seal, 0, net::encode(Seal{})) +
                  record(old, 1, old_head({"b@to.example", "c@to.example"}, content) + content) +
                  record(RecordType::update, 1, net::encode(delivered(1, 1))) +
                  record(old, 2, old_head({"a@from.example"}, content, delivered(1, 0)) + content));
  Spool spool(directory.path());
  ASSERT_FALSE(spool.cannot_start);
  ASSERT_EQ(spool.found.heads.size(), 2U);
  ASSERT_EQ(spool.found.updates.size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "damaged"));

  const mail::Envelope& envelope = spool.found.heads.at(mail::MessageId(1)).envelope;
  EXPECT_EQ(envelope.origin.login, "alice");
  EXPECT_EQ(mail::text_of(envelope.reverse_path), "<a@from.example>");
  EXPECT_EQ(envelope.body, mail::BodyType::eight_bit);
  EXPECT_FALSE(envelope.needs_utf8);
  ASSERT_EQ(envelope.recipients.size(), 2U);
  EXPECT_EQ(envelope.recipients[1].mailbox.text(), "c@to.example");
  EXPECT_TRUE(envelope.recipients[1].notify.is_unsaid());
  EXPECT_EQ(spool.content_of(1), content) << "also when it is read for delivery";
}

TEST(OldSpool, TakesNewMailBesideTheOld) {
  const TemporaryDirectory directory;
  write_spool(directory, header_of_version(1) + record(RecordType::seal, 0, net::encode(Seal{})) +
                             record(static_cast<RecordType>(old_type), 1,
                                    old_head({"b@to.example"}, content) + content));
  {
    Spool spool(directory.path());
    mail::Envelope wishes = envelope("a@from.example", {"b@to.example"});
    wishes.dsn = {mail::Return::full, "QQ314"};
    wishes.recipients[0] = {mailbox("b@to.example"), {.success = true}, "rfc822;B@to.example"};
    wishes.needs_utf8 = true;
    spool.accept(2, content, wishes);
    spool.run();
    EXPECT_TRUE(spool.is_committed(2));
  }
  Spool again(directory.path());
  ASSERT_EQ(again.found.heads.size(), 2U);
  const mail::Envelope& envelope = again.found.heads.at(mail::MessageId(2)).envelope;
  EXPECT_TRUE(envelope.needs_utf8);
  EXPECT_EQ(envelope.dsn.ret, mail::Return::full);
  EXPECT_EQ(envelope.dsn.envelope_id, "QQ314");
  EXPECT_TRUE(envelope.recipients[0].notify.success);
  EXPECT_EQ(envelope.recipients[0].original, "rfc822;B@to.example");
  EXPECT_EQ(again.content_of(1), content);
}

TEST(OldSpool, WithNonsenseInItsRecordsIsNoReasonToStop) {
  const TemporaryDirectory directory;
  const std::string whole = old_head({"b@to.example"}, content) + content;
  std::string segment = header_of_version(1) + record(RecordType::seal, 0, net::encode(Seal{}));
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    segment += record(static_cast<RecordType>(old_type), size + 1, whole.substr(0, size));
  }
  // What this version writes is not what that type says.
  segment += record(RecordType::message, 1000, whole);
  segment += record(static_cast<RecordType>(99), 1001, whole);
  write_spool(directory, segment);
  Spool spool(directory.path());
  EXPECT_FALSE(spool.cannot_start);
  EXPECT_TRUE(spool.found.heads.empty());
}

}  // namespace
}  // namespace postern::queue
