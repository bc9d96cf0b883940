// The log stays small, and what waits in it stays whole, wherever it is moved.
#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "queue/ledger.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

constexpr std::uint64_t segment = 32 * 1024;

std::string content_of(std::uint64_t id, std::size_t size = 900) {
  std::string text = "Subject: " + std::to_string(id) + "\r\n\r\n";
  std::minstd_rand random(static_cast<unsigned>(id));
  while (text.size() < size) text += static_cast<char>('a' + random() % 26);
  return text + "\r\n";
}

Update deferred(std::uint64_t id, std::uint32_t attempts) {
  const auto time = std::chrono::system_clock::time_point(std::chrono::seconds(1000 + attempts));
  Change change{0,
                RecipientState::waiting,
                attempts,
                time,
                {{450, {4, 2, 0}, "busy " + std::to_string(attempts)}, "mx.example", time}};
  return {mail::MessageId(id), {change}, false};
}

/// A spool with small segments, and a ledger that knows how things stand.
class CompactionTest : public testing::Test {
 protected:
  CompactionTest() { open(); }

  void open(std::uint64_t segment_size = segment) {
    ledger_.emplace(Moment::now(), std::chrono::hours(1));
    spool_.emplace(directory_.path(), segment_size, &*ledger_);
    spool_->store->ask_state_of([this](mail::MessageId id) { return ledger_->state_of(id); });
  }
  void reopen() {
    spool_.reset();
    open();
  }

  void accept(std::uint64_t id, std::size_t size = 900) {
    mail::Envelope to = envelope("a@from.example", {"b@to.example", "c@to.example"});
    ledger_->on_message(mail::MessageId(id),
                        {to, std::chrono::system_clock::now(), 0, 0, false, {}});
    spool_->accept(id, content_of(id, size), std::move(to));
  }
  void settle(const Update& update) {
    ledger_->on_update(update);
    spool_->store->record(update, nullptr);
  }
  void end(std::uint64_t id) {
    settle(delivered(id, 0));
    settle(delivered(id, 1));
    ledger_->erase(mail::MessageId(id));
    spool_->store->release(mail::MessageId(id));
  }
  std::uint64_t disk_use() const {
    std::uint64_t bytes = 0;
    for (const std::string& name : files_in(directory_.path(), ".log")) {
      bytes += std::filesystem::file_size(directory_.path() / name);
    }
    return bytes;
  }
  const LogIndex& index() const { return spool_->store->index(); }

  TemporaryDirectory directory_;
  std::optional<Ledger> ledger_;
  std::optional<Spool> spool_;
};

// A few messages wait for days among thousands that come and go.
TEST_F(CompactionTest, TheLogTakesAtMostHalfAsMuchAgainAsLivesInItAndTwoSegments) {
  std::minstd_rand random(7);
  std::vector<std::uint64_t> waiting;
  std::uint64_t worst = 0;
  for (std::uint64_t id = 1; id <= 3000; ++id) {
    accept(id);
    waiting.push_back(id);
    if (id % 7 == 0) settle(deferred(waiting[random() % waiting.size()], 1));
    if (waiting.size() > 100 || id % 3 == 0) {
      const auto at = waiting.begin() + static_cast<std::ptrdiff_t>(random() % waiting.size());
      end(*at);
      waiting.erase(at);
    }
    if (id % 20 == 0) {
      spool_->run();
      const std::uint64_t bound = index().live_bytes() * 3 / 2 + 2 * segment;
      worst = std::max(worst, disk_use() * 100 / bound);
    }
  }
  spool_->run();
  EXPECT_LE(worst, 100U) << "percent of what is allowed";
  EXPECT_GT(worst, 50U) << "nothing was ever moved";
  for (const std::uint64_t id : waiting) EXPECT_EQ(spool_->content_of(id), content_of(id));
  const std::uint64_t bytes = index().bytes();
  EXPECT_LE(disk_use(), bytes + segment) << "with the room ahead in the last one";
  spool_.reset();
  EXPECT_EQ(disk_use(), bytes);
  open();
  const auto alive = std::ranges::count_if(
      ledger_->messages(), [](const auto& entry) { return !entry.second.is_over(); });
  EXPECT_EQ(static_cast<std::size_t>(alive), waiting.size());
  for (const std::uint64_t id : waiting) EXPECT_EQ(spool_->content_of(id), content_of(id));
}

TEST_F(CompactionTest, WhatHappenedToAMessageMovesAlong) {
  accept(1);
  spool_->run();
  for (unsigned attempt = 1; attempt <= 5; ++attempt) settle(deferred(1, attempt));
  settle(delivered(1, 1));
  for (std::uint64_t id = 2; id <= 300; ++id) {
    accept(id);
    spool_->run();
    end(id);
  }
  spool_->run();
  ASSERT_NE(index().find(mail::MessageId(1))->segment, 1U) << "it was not moved";

  const auto check = [&] {
    const auto updates = spool_->store->history(mail::MessageId(1));
    ASSERT_TRUE(updates);
    std::vector<std::string> words;
    for (const Update& update : *updates) {
      for (const Change& change : update.changes) words.push_back(change.answer.reply.text);
    }
    EXPECT_EQ(words,
              (std::vector<std::string>{"busy 1", "busy 2", "busy 3", "busy 4", "busy 5", "ok"}));
  };
  check();
  reopen();
  check();
  const Message* message = ledger_->find(mail::MessageId(1));
  ASSERT_NE(message, nullptr);
  EXPECT_EQ(message->recipients[0].attempts, 5U);
  EXPECT_EQ(message->recipients[0].state, RecipientState::waiting);
  EXPECT_EQ(message->recipients[1].state, RecipientState::delivered);
}

// Who sends mail meanwhile waits for a sync that has a little more to write, never for a whole segment.
TEST_F(CompactionTest, MovesALittleAtATime) {
  spool_.reset();
  open(1024 * 1024);
  for (std::uint64_t id = 1; id <= 5000; ++id) {
    accept(id);
    if (id % 100 == 0) spool_->run();
  }
  spool_->disk->largest_write = 0;
  for (std::uint64_t id = 1; id <= 5000; ++id) {
    if (id > 2100 || id % 5 == 0) end(id);
    if (id % 100 == 0) spool_->run();
  }
  EXPECT_GT(index().find(mail::MessageId(4))->segment, 1U) << "nothing was moved";
  EXPECT_LE(spool_->disk->largest_write, 400'000U);
}

// A record that counts only when it is durable (a bounce, an operator's act) must not find a copy behind it that says "waiting".
TEST_F(CompactionTest, AMessageWhoseEndIsOnItsWayIsLeftAlone) {
  accept(1);
  for (std::uint64_t id = 2; id <= 40; ++id) accept(id);
  spool_->run();
  bool is_ended = false;
  spool_->store->record(delivered(1, 0), [&](net::Result<> result) {
    is_ended = static_cast<bool>(result);
    ledger_->on_update(delivered(1, 0));
  });
  for (std::uint64_t id = 2; id <= 40; ++id) end(id);  // makes compaction start in the same turn
  spool_->run();
  spool_->run();  // until it is moved, too
  ASSERT_TRUE(is_ended);
  const std::uint32_t moved_to = index().find(mail::MessageId(1))->segment;
  ASSERT_GT(moved_to, 1U) << "it was not moved";
  // The log from where the message stands tells by itself how things stand with it.
  spool_.reset();
  for (const std::string& name : files_in(directory_.path(), ".log")) {
    if (name < segment_name(moved_to)) std::filesystem::remove(directory_.path() / name);
  }
  open();
  EXPECT_EQ(ledger_->find(mail::MessageId(1))->recipients[0].state, RecipientState::delivered);
}

TEST_F(CompactionTest, ADamagedRecordIsSetAsideAndHoldsNothingUp) {
  accept(1);
  accept(2);
  spool_->run();
  const Place place = *index().find(mail::MessageId(1));
  {
    std::fstream file(directory_.path() / "00000001.log",
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(place.offset + 200).put('!');
  }
  for (std::uint64_t id = 3; id <= 200; ++id) {
    accept(id);
    spool_->run();
    end(id);
  }
  spool_->run();
  const auto read = spool_->store->read(mail::MessageId(1));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error(), boost::system::errc::bad_message);
  EXPECT_TRUE(std::filesystem::exists(directory_.path() / "damaged" / "0000000000001.record"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() / "00000001.log"));
  EXPECT_EQ(spool_->content_of(2), content_of(2));
}

// No descriptors, say: it is told once, and tried again later.
TEST_F(CompactionTest, ARecordThatCannotBeReadNowIsTriedAgain) {
  for (std::uint64_t id = 1; id <= 100; ++id) accept(id);
  spool_->run();
  const auto first = directory_.path() / "00000001.log";
  std::filesystem::rename(first, directory_.path() / "away");
  for (std::uint64_t id = 2; id <= 100; ++id) end(id);
  for (std::uint64_t id = 101; id <= 150; ++id) accept(id);
  spool_->run();
  EXPECT_EQ(index().find(mail::MessageId(1))->segment, 1U);
  std::filesystem::rename(directory_.path() / "away", first);
  spool_->loop.restart();
  spool_->loop.run_for(std::chrono::milliseconds(1500));
  spool_->run();
  EXPECT_GT(index().find(mail::MessageId(1))->segment, 1U);
  EXPECT_EQ(spool_->content_of(1), content_of(1));
}

// The disk refuses the copies: the originals stay.
TEST_F(CompactionTest, AFailedMoveMovesNothing) {
  for (std::uint64_t id = 1; id <= 60; ++id) accept(id);
  spool_->run();
  spool_->disk->fail_at(1, 4, boost::system::errc::no_space_on_device);
  for (std::uint64_t id = 2; id <= 60; ++id) end(id);
  spool_->run();
  EXPECT_EQ(spool_->content_of(1), content_of(1));
  reopen();
  EXPECT_EQ(spool_->content_of(1), content_of(1));
}

TEST_F(CompactionTest, OfALargeMessageOnlyTheRecordMoves) {
  accept(1, 400 * 1000);
  for (std::uint64_t id = 2; id <= 200; ++id) {
    accept(id);
    spool_->run();
    end(id);
  }
  spool_->run();
  EXPECT_GT(index().find(mail::MessageId(1))->segment, 1U);
  EXPECT_EQ(index().file_bytes(), content_of(1, 400 * 1000).size());
  EXPECT_LT(index().live_bytes(), 10'000U);
  EXPECT_EQ(spool_->content_of(1), content_of(1, 400 * 1000));
  end(1);
  spool_->run();
  EXPECT_EQ(index().file_bytes(), 0U);
  EXPECT_TRUE(files_in(directory_.path(), ".msg").empty());
}

TEST(Room, EndsAtTheMaximalSizeOrTheReserve) {
  const TemporaryDirectory directory;
  Spool spool(directory.path());
  EXPECT_TRUE(spool.store->room().is_enough);
  spool.store->limit({16 * 1024 * 1024, 0});
  const std::uint64_t before = spool.store->room().largest;
  EXPECT_LE(before, 16U * 1024 * 1024);
  EXPECT_GE(before, 8U * 1024 * 1024);
  std::uint64_t id = 0;
  while (spool.store->room().is_enough && id < 100) {
    spool.accept(++id, std::string(400 * 1000, 'x'));
    spool.run();
  }
  EXPECT_GT(id, 35U);
  EXPECT_LT(id, 42U);
  spool.store->release(mail::MessageId(1));
  spool.store->release(mail::MessageId(2));
  spool.store->release(mail::MessageId(3));
  EXPECT_TRUE(spool.store->room().is_enough);
  spool.store->limit({0, UINT64_MAX});
  EXPECT_FALSE(spool.store->room().is_enough) << "the reserve is larger than the disk";
  EXPECT_FALSE(spool.store->room().is_broken);
}

}  // namespace
}  // namespace postern::queue
