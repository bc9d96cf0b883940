#include "queue/log_store.h"

#include <gtest/gtest.h>
#include <sysexits.h>

#include <fstream>

#include "net/channel.h"
#include "net/checksum.h"
#include "net/codec.h"
#include "queue/ledger.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

namespace fs = std::filesystem;

const std::string small = "Subject: small\r\n\r\nbody\r\n";
std::string large() { return "Subject: large\r\n\r\n" + std::string(400 * 1000, 'x'); }

TEST(LogStore, GivesBackWhatItAccepted) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path());
    spool.accept(1, small);
    spool.accept(2, large());
    spool.run();
    EXPECT_EQ(spool.content_of(1), small);
    EXPECT_EQ(spool.content_of(2), large());
  }
  Spool again(directory.path());
  EXPECT_EQ(again.found.heads.size(), 2U);
  EXPECT_EQ(again.content_of(1), small);
  EXPECT_EQ(again.content_of(2), large());
  EXPECT_EQ(again.found.heads.at(mail::MessageId(1)).envelope.recipients.front().mailbox.text(),
            "b@to.example");
}

// Statement 45, 48: yes only after the sync.
TEST(LogStore, AnswersOnlyAfterTheSync) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  const int before = spool.disk->syncs;
  auto draft = spool.store->begin(mail::MessageId(1));
  ASSERT_TRUE(draft->add(small));
  int syncs_at_answer = before;
  spool.store->accept(
      {mail::MessageId(1), envelope("a@b.example", {"c@d.example"}), {}, std::move(draft), {}},
      [&](net::Result<>) { syncs_at_answer = spool.disk->syncs; });
  EXPECT_EQ(syncs_at_answer, before) << "never before accept returns";
  spool.run();
  EXPECT_GT(syncs_at_answer, before);
}

TEST(LogStore, SyncsManyMessagesTogether) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  for (std::uint64_t id = 1; id <= 500; ++id) spool.accept(id, small);
  spool.run();
  EXPECT_EQ(spool.answers.size(), 500U);
  EXPECT_LE(spool.disk->syncs, 3);
}

TEST(LogStore, RefusesASecondInstance) {
  const TemporaryDirectory directory;
  Spool first(directory.path());
  Spool second(directory.path());
  ASSERT_TRUE(second.cannot_start);  // statement 50
  EXPECT_EQ(second.cannot_start->exit_code, EX_TEMPFAIL);
}

TEST(LogStore, RefusesASpoolOfANewerPostern) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path());
    spool.accept(1, small);
    spool.run();
  }
  std::fstream file(directory.path() / "00000001.log",
                    std::ios::in | std::ios::out | std::ios::binary);
  std::string header(segment_header_size, '\0');
  file.read(header.data(), static_cast<std::streamsize>(header.size()));
  header[7] = static_cast<char>(format_version + 1);
  header.resize(header.size() - 4);
  const std::uint32_t crc = net::crc32c(header);
  net::Encoder(header).put(crc);
  file.seekp(0).write(header.data(), static_cast<std::streamsize>(header.size()));
  file.close();
  Spool again(directory.path());
  ASSERT_TRUE(again.cannot_start);
  EXPECT_EQ(again.cannot_start->exit_code, EX_DATAERR);
}

TEST(LogStore, ForgetsADraftThatIsThrownAway) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  {
    auto draft = spool.store->begin(mail::MessageId(1));
    ASSERT_TRUE(draft->add(large()));
    EXPECT_EQ(files_in(directory.path(), ".msg").size(), 1U);
  }
  EXPECT_TRUE(files_in(directory.path(), ".msg").empty());
}

TEST(LogStore, RemovesLeftoversOfLargeMessagesAtTheStart) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / (mail::MessageId(5).text() + ".msg")) << "half a mess";
  Spool spool(directory.path());
  spool.run();
  EXPECT_TRUE(files_in(directory.path(), ".msg").empty());
}

TEST(LogStore, KeepsAReportAndWhatItReportsTogether) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path());
    spool.accept(1, small);
    spool.accept(2, small, mail::envelope_of_report(mailbox("a@from.example")), delivered(1));
    spool.run();
  }
  Spool again(directory.path());
  ASSERT_EQ(again.found.updates.size(), 1U);
  EXPECT_EQ(again.found.updates[0].id, mail::MessageId(1));
  EXPECT_FALSE(again.found.heads.at(mail::MessageId(2)).envelope.reverse_path);
}

// The invariant of log_store.h, tried with the segments as short as they can be: whatever the order in which
// messages end, none of them is alive at the next start.
TEST(LogStore, NeverForgetsAnEndBeforeItsMessage) {
  const std::vector<std::vector<std::uint64_t>> orders{
      {1, 2, 3, 4}, {4, 3, 2, 1}, {2, 4, 1, 3}, {3, 1, 4, 2}};
  for (const auto& order : orders) {
    for (std::size_t ended = 0; ended <= order.size(); ++ended) {
      const TemporaryDirectory directory;
      {
        Spool spool(directory.path(), 1);  // every batch a segment of its own
        for (std::uint64_t id = 1; id <= 4; ++id) spool.accept(id, small), spool.run();
        for (std::size_t i = 0; i < ended; ++i) {
          spool.store->record(delivered(order[i]), nullptr);
          spool.store->release(mail::MessageId(order[i]));
          spool.run();
        }
        for (std::size_t i = ended; i < order.size(); ++i)
          EXPECT_EQ(spool.content_of(order[i]), small);
      }
      Spool again(directory.path(), 1);
      Ledger ledger(Moment::now(), std::chrono::hours(1));
      for (const auto& [id, head] : again.found.heads) ledger.on_message(id, head);
      for (const auto& update : again.found.updates) ledger.on_update(update);
      for (std::size_t i = 0; i < order.size(); ++i) {
        const Message* message = ledger.find(mail::MessageId(order[i]));
        const bool lives = message != nullptr && !message->is_over();
        EXPECT_EQ(lives, i >= ended)
            << "message " << order[i] << " after " << ended << " had ended";
      }
    }
  }
}

TEST(LogStore, DeletesSegmentsInWhichNothingLives) {
  const TemporaryDirectory directory;
  Spool spool(directory.path(), 1);
  for (std::uint64_t id = 1; id <= 5; ++id) spool.accept(id, small), spool.run();
  EXPECT_EQ(files_in(directory.path(), ".log").size(), 5U);
  for (std::uint64_t id = 1; id <= 5; ++id) {
    spool.store->record(delivered(id), nullptr);
    spool.store->release(mail::MessageId(id));
  }
  spool.run();
  spool.store->record(delivered(9), nullptr);
  spool.run();
  spool.store->record(delivered(9), nullptr);
  spool.run();
  EXPECT_EQ(files_in(directory.path(), ".log").size(), 1U);
}

TEST(LogStore, RemovesALargeMessagesFileOnlyAfterItsEndIsDurable) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  spool.accept(1, large());
  spool.run();
  spool.disk->fail_at(1, 1, boost::system::errc::io_error);
  spool.store->record(delivered(1), nullptr);
  spool.store->release(mail::MessageId(1));
  spool.run();
  EXPECT_EQ(files_in(directory.path(), ".msg").size(), 1U) << "the end was not written yet";
  spool.accept(2, small);
  spool.run();
  EXPECT_TRUE(files_in(directory.path(), ".msg").empty());
}

TEST(LogStore, TellsAFullDiskFromABrokenOne) {
  for (const auto error :
       {boost::system::errc::no_space_on_device, boost::system::errc::io_error}) {
    const TemporaryDirectory directory;
    Spool spool(directory.path());
    spool.disk->fail_at(1, 100, error);
    spool.accept(1, small);
    spool.run();
    EXPECT_EQ(spool.answers[1], error);
    spool.disk->fail_at(0, 0, error);
    spool.accept(2, small);
    spool.run();
    EXPECT_TRUE(spool.is_committed(2)) << "the store recovers by itself";
  }
}

// Its file goes when it was delivered; what it reported stays so.
TEST(LogStore, WhatALargeReportReportedStaysSoWhenTheReportHasLeft) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path());
    spool.accept(1, small);
    spool.run();
    spool.accept(2, large(), envelope("", {"a@from.example"}), delivered(1));
    spool.run();
    ASSERT_TRUE(spool.is_committed(2));
    spool.store->record(delivered(2), nullptr);
    spool.store->release(mail::MessageId(2));
    spool.run();
  }
  ASSERT_TRUE(files_in(directory.path(), ".msg").empty());
  Ledger ledger(Moment::now(), std::chrono::hours(1));
  Spool again(directory.path(), 0, &ledger);
  ASSERT_NE(ledger.find(mail::MessageId(1)), nullptr);
  EXPECT_TRUE(ledger.find(mail::MessageId(1))->is_over());
  EXPECT_FALSE(fs::exists(directory.path() / "damaged"));
}

// One recipient has it, the other never will: that must not pass in silence, nor what is left of it be thrown away.
TEST(LogStore, ReportsALargeMessageThatWasCutShortWhileSomebodyStillWaitsForIt) {
  for (const bool is_over : {false, true}) {
    SCOPED_TRACE(is_over);
    const TemporaryDirectory directory;
    {
      Spool spool(directory.path());
      spool.accept(1, large(), envelope("a@from.example", {"b@to.example", "c@to.example"}));
      spool.run();
      spool.store->record(delivered(1, 0), nullptr);
      if (is_over) spool.store->record(delivered(1, 1), nullptr);
      spool.run();
    }
    const auto files = files_in(directory.path(), ".msg");
    ASSERT_EQ(files.size(), 1U);
    fs::resize_file(directory.path() / files.front(), 1000);
    Spool again(directory.path());
    again.run();
    EXPECT_FALSE(fs::exists(directory.path() / files.front()));
    EXPECT_EQ(fs::exists(directory.path() / "damaged" / files.front()), !is_over);
  }
}

// Somebody's empty file under a name of ours, however large its number, and a file in the place of the next segment.
TEST(LogStore, GoesOnBesideFilesUnderItsNames) {
  for (const std::string name : {"00000009.log", "2000000000.log", "4294967295.log"}) {
    SCOPED_TRACE(name);
    const TemporaryDirectory directory;
    for (std::uint64_t id = 1; id <= 4; ++id) {
      Spool spool(directory.path(), 1000);
      ASSERT_FALSE(spool.cannot_start);
      if (id == 2) std::ofstream(directory.path() / name);
      spool.accept(id * 10, small + std::string(2000, 'x'));
      spool.run();
      EXPECT_TRUE(spool.is_committed(id * 10));
    }
    Spool again(directory.path());
    EXPECT_EQ(again.found.heads.size(), 4U);
    for (std::uint64_t id = 1; id <= 4; ++id) {
      EXPECT_EQ(again.content_of(id * 10), small + std::string(2000, 'x'));
    }
  }
}

TEST(LogStore, TakesTheNextNameWhereSomebodyPutAFile) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  std::ofstream(directory.path() / "00000001.log") << "not ours";
  spool.accept(1, small);
  spool.run();
  spool.accept(2, small);
  spool.run();
  EXPECT_TRUE(spool.is_committed(2));
}

// Whoever asks is told no at once; the disk itself is asked once a second, and mail flows again when it works.
TEST(LogStore, ProbesADiskThatKeepsFailingAndResumesByItself) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  spool.disk->fail_at(1, 1'000'000, boost::system::errc::read_only_file_system);
  EXPECT_FALSE(spool.store->room().is_broken);
  for (std::uint64_t id = 1; id <= 2; ++id) spool.accept(id, small), spool.run();
  EXPECT_EQ(spool.answers[2], boost::system::errc::read_only_file_system);
  EXPECT_TRUE(spool.store->room().is_broken);
  EXPECT_TRUE(spool.store->is_behind());
  const int calls = spool.disk->calls();
  spool.loop.restart();
  spool.loop.run_for(std::chrono::milliseconds(1500));
  EXPECT_GT(spool.disk->calls(), calls) << "it is not asked";
  EXPECT_LE(spool.disk->calls(), calls + 2) << "it is asked all the time";

  spool.disk->fail_at(1, 0, boost::system::errc::io_error);
  spool.loop.restart();
  spool.loop.run_for(std::chrono::milliseconds(1500));
  EXPECT_FALSE(spool.store->room().is_broken);
  EXPECT_FALSE(spool.store->is_behind());
  spool.accept(3, small);
  spool.run();
  EXPECT_TRUE(spool.is_committed(3));
}

// Fail at every call that changes the disk, then lose all that was not synced: what was answered yes is there,
// what was answered no is not, and what is there is as it was sent (statements 45, 48).
struct Round {
  std::map<std::uint64_t, std::string> sent;
  std::map<std::uint64_t, net::error_code> answers;
  bool had_fault = false;
};

Round accept_with_fault(const fs::path& path, int fault, std::uint64_t torn) {
  Round round;
  Spool spool(path, 1000);
  spool.disk->fail_at(fault, 1, boost::system::errc::io_error);
  for (std::uint64_t id = 1; id <= 6; ++id) {
    round.sent[id] = id == 4 ? large() : small + std::string(id * 100, 'y');
    spool.accept(id, round.sent[id]);
    if (id % 2 == 0) spool.run();
  }
  spool.run();
  round.answers = spool.answers;
  round.had_fault = spool.disk->calls() >= fault;
  spool.disk->cut_power(torn);
  return round;
}

void expect_word_is_kept(const fs::path& path, Round& round) {
  Spool again(path);
  ASSERT_FALSE(again.cannot_start);
  for (const auto& [id, error] : round.answers) {
    const bool is_there = again.found.heads.contains(mail::MessageId(id));
    EXPECT_EQ(is_there, !error) << "message " << id << (error ? " was refused" : " is lost");
    if (is_there) {
      EXPECT_TRUE(again.content_of(id) == round.sent[id]) << "message " << id << " is torn";
    }
  }
}

TEST(LogStore, KeepsItsWordWhateverFailsAndWheneverThePowerDoes) {
  for (const std::uint64_t torn : {0U, 4000U}) {
    bool had_fault = true;
    for (int fault = 1; had_fault; ++fault) {
      SCOPED_TRACE(testing::Message() << "fault " << fault << " torn " << torn);
      const TemporaryDirectory directory;
      Round round = accept_with_fault(directory.path(), fault, torn);
      expect_word_is_kept(directory.path(), round);
      had_fault = round.had_fault;
      ASSERT_LT(fault, 100);
    }
  }
}

// Statement 49.
TEST(LogStore, SetsDamageAsideAndStarts) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path());
    for (std::uint64_t id = 1; id <= 3; ++id) spool.accept(id, small), spool.run();
  }
  const auto file = directory.path() / "00000001.log";
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(fs::file_size(file) / 2)).put('!');
  stream.close();
  Spool again(directory.path());
  EXPECT_FALSE(again.cannot_start);
  EXPECT_EQ(again.found.heads.size(), 2U);
  EXPECT_EQ(files_in(directory.path() / "damaged", "").size(), 1U);
  again.accept(4, small);
  again.run();
  EXPECT_TRUE(again.is_committed(4));
}

TEST(LogStore, DoesNotGiveOutWhatWasDamagedWhileItRan) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  spool.accept(1, small);
  spool.run();
  const auto file = directory.path() / "00000001.log";
  fs::resize_file(file, spool.store->index().bytes() - 1);
  const auto read = spool.store->read(mail::MessageId(1));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), boost::system::errc::bad_message);
}

TEST(LogStore, FindsItsSpoolAgainWithoutTheMarkFile) {
  const TemporaryDirectory directory;
  {
    Spool spool(directory.path());
    spool.accept(1, small);
    spool.run();
  }
  fs::remove(directory.path() / "mark");
  Spool again(directory.path());
  EXPECT_EQ(again.found.heads.size(), 1U);
}

}  // namespace
}  // namespace postern::queue
