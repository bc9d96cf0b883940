#include "queue/read_ahead.h"

#include <gtest/gtest.h>

#include <fstream>

#include "temporary_spool.h"

namespace postern::queue {
namespace {

TEST(ReadAhead, GivesEachFileOnceInOrderWhateverIsWrongWithOthers) {
  const TemporaryDirectory directory;
  const auto write = [&](const std::string& name, const std::string& bytes) {
    std::ofstream(directory.path() / name) << bytes;
  };
  write("a", std::string(100'000, 'a'));
  write("c", "");
  write("d", std::string(200'001, 'd'));
  write("e", "short, in memory where others were");
  const auto disk = Disk::open(directory.path().string());
  ReadAhead files(*disk, {"a", "b", "c", "d", "e"}, 200'000);
  const auto first = files.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, std::string(100'000, 'a'));
  EXPECT_EQ(files.next().error(), boost::system::errc::no_such_file_or_directory);
  const auto empty = files.next();
  ASSERT_TRUE(empty);
  EXPECT_EQ(*empty, "");
  EXPECT_EQ(files.next().error(), boost::system::errc::file_too_large);
  const auto last = files.next();
  ASSERT_TRUE(last);
  EXPECT_EQ(*last, "short, in memory where others were");
}

TEST(ReadAhead, MayBeGivenUp) {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "a") << std::string(10'000'000, 'a');
  const auto disk = Disk::open(directory.path().string());
  const ReadAhead files(*disk, {"a"}, 20'000'000);
}

}  // namespace
}  // namespace postern::queue
