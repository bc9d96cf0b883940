// How segments are written: the room ahead of the records, and by whom.
#include "queue/log_writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "queue/inspection.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

using std::filesystem::file_size;

const std::string small = "Subject: small\r\n\r\nbody\r\n";

class Writing : public testing::Test {
 protected:
  void accept_and_wait(std::uint64_t id) {
    spool_.accept(id, small);
    spool_.run();
  }
  std::uint64_t segment_size() { return file_size(directory_.path() / segment_name(1)); }

  const TemporaryDirectory directory_;
  Spool spool_{directory_.path()};
};

TEST_F(Writing, MakesTheSegmentLongerOnceForManyBatches) {
  accept_and_wait(1);
  const std::uint64_t size = segment_size();
  EXPECT_GE(size, written_ahead);
  for (std::uint64_t id = 2; id <= 20; ++id) accept_and_wait(id);
  EXPECT_EQ(segment_size(), size);
  spool_.accept(21, std::string(200'000, 'x'));
  for (std::uint64_t id = 22; id <= 26; ++id) spool_.accept(id, std::string(200'000, 'x'));
  spool_.run();
  EXPECT_GT(segment_size(), spool_.store->index().bytes())
      << "and again where the records reach its end";
}

TEST_F(Writing, AcceptsWhereThereIsRoomForTheRecordsOnly) {
  spool_.disk->fail_at(3, 1, boost::system::errc::no_space_on_device);  // create, write, then ahead
  accept_and_wait(1);
  const int writes = spool_.disk->writes;
  for (std::uint64_t id = 2; id <= 5; ++id) accept_and_wait(id);
  for (std::uint64_t id = 1; id <= 5; ++id) EXPECT_TRUE(spool_.is_committed(id));
  EXPECT_EQ(spool_.disk->writes, writes + 4) << "tried once only";
  EXPECT_LT(segment_size(), written_ahead);
}

// As a kill leaves it.
TEST_F(Writing, OfRoomAheadIsNeitherAFindingNorPartOfOne) {
  accept_and_wait(1);
  auto disk = Disk::open(directory_.path().string());
  auto found = inspect(*disk, true);
  EXPECT_EQ(found->messages, 1U);
  EXPECT_TRUE(found->findings.empty());

  const std::string torn = "half of a record";
  const std::uint64_t end = spool_.store->index().bytes();
  std::fstream(directory_.path() / segment_name(1), std::ios::in | std::ios::out)
          .seekp(static_cast<std::streamoff>(end))
      << torn;
  found = inspect(*disk, true);
  EXPECT_EQ(found->messages, 1U);
  ASSERT_EQ(found->findings.size(), 1U);
  EXPECT_EQ(found->findings.front().kind, Finding::Kind::torn);
  EXPECT_EQ(found->findings.front().begin, end);
  EXPECT_EQ(found->findings.front().end, end + torn.size());
}

TEST_F(Writing, ABatchWithoutItsBeginningIsToldAsWhatItMayBe) {
  accept_and_wait(1);
  const std::uint64_t begin = spool_.store->index().bytes();
  accept_and_wait(2);
  const std::uint64_t end = spool_.store->index().bytes();
  accept_and_wait(3);
  std::fstream(directory_.path() / segment_name(1), std::ios::in | std::ios::out)
          .seekp(static_cast<std::streamoff>(begin))
      << std::string(end - begin, '\0');
  auto disk = Disk::open(directory_.path().string());
  const auto found = inspect(*disk, true);
  EXPECT_EQ(found->messages, 2U);
  ASSERT_EQ(found->findings.size(), 1U);
  EXPECT_EQ(found->findings.front().kind, Finding::Kind::damage);
  EXPECT_EQ(found->findings.front().begin, begin);
  EXPECT_EQ(found->findings.front().end, end);
  EXPECT_NE(found->findings.front().what.find("power cut"), std::string::npos);
}

TEST(ClosedStore, GivesBackWhatWasWrittenAhead) {
  const TemporaryDirectory directory;
  std::uint64_t bytes = 0;
  {
    Spool spool(directory.path());
    spool.accept(1, small);
    spool.run();
    bytes = spool.store->index().bytes();
  }
  EXPECT_EQ(file_size(directory.path() / segment_name(1)), bytes);
}

TEST(FullSegment, GivesBackWhatWasWrittenAhead) {
  const TemporaryDirectory directory;
  Spool spool(directory.path(), 4096);
  spool.accept(1, small);
  spool.run();
  EXPECT_EQ(file_size(directory.path() / segment_name(1)), 4096);
  spool.accept(2, std::string(4000, 'x'));
  spool.run();
  EXPECT_TRUE(std::filesystem::exists(directory.path() / segment_name(2)));
  EXPECT_LT(file_size(directory.path() / segment_name(1)), 1000);
}

// Says on whose time the last sync was.
class WatchedDisk : public Disk {
 public:
  explicit WatchedDisk(const std::filesystem::path& path)
      : Disk(std::move(*Disk::open(path.string()))) {}

  net::Result<> sync(int) override {
    has_kept_loop_waiting = std::this_thread::get_id() == loop;
    now_ += takes;
    return {};
  }
  net::Clock::time_point now() const override { return now_; }

  const std::thread::id loop = std::this_thread::get_id();
  std::chrono::microseconds takes{100};
  bool has_kept_loop_waiting = false;

 private:
  net::Clock::time_point now_;
};

class WhoseTime : public testing::Test {
 protected:
  bool is_the_loops(int records, std::size_t size = 10) {
    disk_.has_kept_loop_waiting = false;
    for (int i = 0; i < records; ++i) {
      writer_.append(
          {"front", std::string(size, 'x'),
           [](const net::Result<SegmentFile::Position>& result) { EXPECT_TRUE(result); }});
    }
    loop_.restart();
    loop_.run();
    return disk_.has_kept_loop_waiting;
  }

  const TemporaryDirectory directory_;
  WatchedDisk disk_{directory_.path()};
  boost::asio::io_context loop_{net::one_thread};
  LogWriter writer_{loop_.get_executor(), disk_, SegmentFile(disk_, {}, 1, {}, max_segment)};
};

TEST_F(WhoseTime, IsTheLoopsForALoneRecordOnAQuickDisk) {
  EXPECT_FALSE(is_the_loops(1)) << "nobody knows yet how quick it is";
  EXPECT_TRUE(is_the_loops(1));
  EXPECT_FALSE(is_the_loops(2));
  EXPECT_TRUE(is_the_loops(1));
}

TEST_F(WhoseTime, IsNotTheLoopsForMoreThanASync) {
  ASSERT_FALSE(is_the_loops(1));
  EXPECT_FALSE(is_the_loops(1, 200'000)) << "much to write";
  EXPECT_TRUE(is_the_loops(1, 50'000));
  EXPECT_FALSE(is_the_loops(1, 50'000)) << "the file has to grow";
  EXPECT_TRUE(is_the_loops(1, 50'000));
}

TEST_F(WhoseTime, IsTheLoopsOnceWhereTheDiskBecomesSlow) {
  ASSERT_FALSE(is_the_loops(1));
  disk_.takes = std::chrono::milliseconds(1);
  EXPECT_TRUE(is_the_loops(1));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(is_the_loops(1));
  writer_.remove("large.msg");
  ASSERT_FALSE(is_the_loops(0));
  EXPECT_FALSE(is_the_loops(1)) << "a removal says nothing of a sync";
  disk_.takes = std::chrono::microseconds(100);
  EXPECT_FALSE(is_the_loops(1));
  EXPECT_TRUE(is_the_loops(1));
}

}  // namespace
}  // namespace postern::queue
