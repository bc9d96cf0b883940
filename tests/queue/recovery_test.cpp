// What lies in a spool and is not as Postern wrote it: whatever it is, the store starts, everything that is whole is given out,
// and what is not is set aside (statement 49).
#include "queue/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <functional>
#include <random>

#include "queue/spool_names.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

namespace fs = std::filesystem;

std::string text_of(std::uint64_t id) {
  return "Subject: number " + std::to_string(id) + "\r\n\r\n" + std::string(100, 'x') + "\r\n";
}

/// Messages 1 to `count`, each in a segment of its own; of them number 3 is large.
void fill(const fs::path& path, std::uint64_t count = 5) {
  Spool spool(path, 1);
  for (std::uint64_t id = 1; id <= count; ++id) {
    spool.accept(id, id == 3 ? text_of(id) + std::string(300'000, 'y') : text_of(id));
    spool.run();
  }
}

std::set<std::uint64_t> ids_in(const Spool& spool) {
  std::set<std::uint64_t> ids;
  for (const auto& [id, head] : spool.found.heads) ids.insert(id.value());
  return ids;
}

std::vector<std::string> damaged_in(const fs::path& path) {
  return fs::is_directory(path / "damaged") ? files_in(path / "damaged", "")
                                            : std::vector<std::string>();
}

void overwrite(const fs::path& file, std::uint64_t offset, const std::string& bytes) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(static_cast<std::streamoff>(offset))
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void make_socket(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  const net::Fd socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
}

struct Case {
  const char* what;
  std::function<void(const fs::path&)> damage;
  std::set<std::uint64_t> left;        // messages that are still given out
  std::vector<std::string> set_aside;  // names in damaged/
};

const std::string content_of_3 = content_name(mail::MessageId(3));
const std::set<std::uint64_t> all{1, 2, 3, 4, 5};

const std::vector<Case> cases{
    {"a changed byte of a record",
     [](const fs::path& spool) { overwrite(spool / "00000002.log", 80, "?"); },
     {1, 3, 4, 5},
     {"00000002-0000000065"}},
    {"a changed byte of the last record of all, which looks like a write that was cut off",
     [](const fs::path& spool) { overwrite(spool / "00000005.log", 80, "?"); },
     {1, 2, 3, 4},
     {}},
    {"a segment that ends too early",
     [](const fs::path& spool) { fs::resize_file(spool / "00000002.log", 90); },
     {1, 3, 4, 5},
     {"00000002-0000000065"}},
    {"an empty segment",
     [](const fs::path& spool) { fs::resize_file(spool / "00000002.log", 0); },
     {1, 3, 4, 5},
     {}},
    {"a damaged header of a segment",
     [](const fs::path& spool) { overwrite(spool / "00000002.log", 2, "?"); },
     all,
     {"00000002-0000000000"}},
    {"a damaged version is no newer Postern",
     [](const fs::path& spool) { overwrite(spool / "00000002.log", 7, "\x55"); },
     all,
     {"00000002-0000000000"}},
    {"zeros all over a segment",
     [](const fs::path& spool) {
       const auto size = fs::file_size(spool / "00000002.log");
       overwrite(spool / "00000002.log", 0, std::string(size, '\0'));
     },
     {1, 3, 4, 5},
     {"00000002-0000000024"}},
    {"a segment is gone",
     [](const fs::path& spool) { fs::remove(spool / "00000002.log"); },
     {1, 3, 4, 5},
     {}},
    {"a copy of a segment under another number",
     [](const fs::path& spool) { fs::copy(spool / "00000002.log", spool / "00000009.log"); },
     all,
     {"00000009.log"}},
    {"a segment in another's place",
     [](const fs::path& spool) { fs::rename(spool / "00000002.log", spool / "00000004.log"); },
     {1, 3, 5},
     {"00000004.log"}},
    {"a segment of another spool",
     [](const fs::path& spool) {
       const TemporaryDirectory other;
       {
         Spool theirs(other.path(), 1);
         for (std::uint64_t id = 101; id <= 106; ++id) {
           theirs.accept(id, "foreign");
           theirs.run();
         }
       }
       fs::copy(other.path() / "00000006.log", spool / "00000006.log");
     },
     all,
     {"00000006.log"}},
    {"rubbish of the next number",
     [](const fs::path& spool) { std::ofstream(spool / "00000006.log") << std::string(999, 'z'); },
     all,
     {"00000006.log"}},
    {"rubbish of the highest number",
     [](const fs::path& spool) { std::ofstream(spool / "4294967295.log") << std::string(99, 'z'); },
     all,
     {"4294967295.log"}},
    {"a segment far too large",
     [](const fs::path& spool) {
       std::ofstream(spool / "00000008.log") << "z";
       fs::resize_file(spool / "00000008.log", std::uint64_t{1} << 40);
     },
     all,
     {"00000008.log"}},
    {"files that are none of ours",
     [](const fs::path& spool) {
       std::ofstream(spool / "core") << "dumped";
       std::ofstream(spool / "1.log") << "not ours";
       std::ofstream(spool / "00000000.log") << "there is no number 0";
       std::ofstream(spool / "README.msg") << "not ours";
     },
     all,
     {"00000000.log", "1.log", "README.msg", "core"}},
    {"directories, also under the names of ours",
     [](const fs::path& spool) {
       fs::create_directory(spool / "00000003.log.d");
       fs::create_directory(spool / "00000006.log");
       fs::create_directory(spool / (mail::MessageId(9).text() + ".msg"));
     },
     all,
     {"00000003.log.d", "00000006.log", mail::MessageId(9).text() + ".msg"}},
    {"a pipe, a socket and links, which are not followed",
     [](const fs::path& spool) {
       ASSERT_EQ(::mkfifo((spool / "00000006.log").c_str(), 0600), 0);
       fs::create_symlink("/etc/passwd", spool / "00000007.log");
       fs::create_symlink("/nonexistent", spool / (mail::MessageId(9).text() + ".msg"));
       make_socket(spool / "socket");
     },
     all,
     {"00000006.log", "00000007.log", mail::MessageId(9).text() + ".msg", "socket"}},
    {"lost+found belongs to the file system",
     [](const fs::path& spool) { fs::create_directory(spool / "lost+found"); },
     all,
     {}},
    {"the mark is damaged",
     [](const fs::path& spool) { overwrite(spool / "mark", 20, "0000"); },
     all,
     {}},
    {"the mark is a directory",
     [](const fs::path& spool) {
       fs::remove(spool / "mark");
       fs::create_directory(spool / "mark");
     },
     all,
     {"mark"}},
    {"the lock is a directory",
     [](const fs::path& spool) {
       fs::remove(spool / "lock");
       fs::create_directory(spool / "lock");
     },
     all,
     {"lock"}},
    {"damaged/ is a file",
     [](const fs::path& spool) { std::ofstream(spool / "damaged") << "in the way"; },
     all,
     {"damaged"}},
    {"a replacement of the mark that was cut off",
     [](const fs::path& spool) { std::ofstream(spool / "mark.new") << "post"; },
     all,
     {}},
    {"the content of a large message is gone",
     [](const fs::path& spool) { fs::remove(spool / content_of_3); },
     {1, 2, 4, 5},
     {}},
    {"the content of a large message was cut short",
     [](const fs::path& spool) { fs::resize_file(spool / content_of_3, 1000); },
     {1, 2, 4, 5},
     {content_of_3}},
    {"the record of a large message is damaged: its content is kept",
     [](const fs::path& spool) { overwrite(spool / "00000003.log", 80, "?"); },
     {1, 2, 4, 5},
     {"00000003-0000000065", content_of_3}},
    {"content that nothing names is removed where nothing is damaged",
     [](const fs::path& spool) {
       std::ofstream(spool / content_name(mail::MessageId(9))) << "half";
     },
     all,
     {}},
};

TEST(Recovery, StartsWithWhatIsWholeWhateverElseLiesThere) {
  for (const Case& row : cases) {
    SCOPED_TRACE(row.what);
    const TemporaryDirectory directory;
    fill(directory.path());
    row.damage(directory.path());
    std::size_t size_before = 0;
    for (int start = 1; start <= 3; ++start) {
      SCOPED_TRACE("start " + std::to_string(start));
      const std::uint64_t fresh = 10 + static_cast<std::uint64_t>(start);
      Spool spool(directory.path(), 1);
      ASSERT_FALSE(spool.cannot_start) << spool.cannot_start->reason;
      auto left = row.left;
      for (std::uint64_t id = 11; id < fresh; ++id) left.insert(id);
      EXPECT_EQ(ids_in(spool), left);
      EXPECT_THAT(damaged_in(directory.path()), testing::UnorderedElementsAreArray(row.set_aside));
      EXPECT_FALSE(fs::exists(directory.path() / "mark.new"));
      spool.accept(fresh, text_of(fresh));
      spool.run();
      EXPECT_TRUE(spool.is_committed(fresh));
      for (const auto id : left) EXPECT_TRUE(spool.content_of(id).starts_with(text_of(id))) << id;
      const std::size_t size = damaged_in(directory.path()).size();
      if (start > 1) {
        EXPECT_EQ(size, size_before) << "damaged/ grows";
      }
      size_before = size;
    }
  }
}

// Without the ends that it tells of, mail would go out twice.
TEST(Recovery, DoesNotStartWithoutASegmentThatIsSomebodyElses) {
  if (::geteuid() == 0) GTEST_SKIP() << "root reads everything";
  const TemporaryDirectory directory;
  fill(directory.path());
  fs::permissions(directory.path() / "00000003.log", fs::perms::none);
  overwrite(directory.path() / "00000002.log", 80, "?");
  {
    Spool spool(directory.path(), 1);
    ASSERT_TRUE(spool.cannot_start);
    EXPECT_EQ(spool.cannot_start->exit_code, EX_NOPERM);
    EXPECT_THAT(spool.cannot_start->reason, testing::HasSubstr("chown"));
    EXPECT_TRUE(fs::exists(directory.path() / content_of_3));
  }
  fs::permissions(directory.path() / "00000003.log", fs::perms::owner_read);
  Spool again(directory.path(), 1);
  EXPECT_EQ(ids_in(again), (std::set<std::uint64_t>{1, 3, 4, 5}));
}

TEST(Recovery, KeepsASegmentOfWhichNoCopyCouldBeMade) {
  const TemporaryDirectory directory;
  fill(directory.path(), 3);
  overwrite(directory.path() / "00000001.log", 80, "?");
  // A directory where the copy would be written: nothing can take its place.
  fs::create_directories(directory.path() / "damaged" / "00000001-0000000053" / "x");
  Spool spool(directory.path(), 1);
  spool.accept(11, text_of(11));
  spool.run();
  EXPECT_TRUE(fs::exists(directory.path() / "00000001.log"));
}

// Any damage at all: what is given out is what came in.
TEST(Recovery, GivesOutNothingThatIsNotWhole) {
  std::mt19937 random(49);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    const TemporaryDirectory directory;
    fill(directory.path());
    const auto names = files_in(directory.path(), "");
    for (int i = 0; i < 3; ++i) {
      const auto file = directory.path() / names[below(names.size())];
      if (!fs::is_regular_file(file) || fs::file_size(file) == 0) continue;
      const auto size = fs::file_size(file);
      const auto begin = below(size);
      switch (below(4)) {
        case 0:
          overwrite(file, begin, std::string(1, static_cast<char>(random())));
          break;
        case 1:
          fs::resize_file(file, begin);
          break;
        case 2:
          overwrite(file, begin, std::string(std::min(size - begin, below(5000)), '\0'));
          break;
        default:
          fs::remove(file);
      }
    }
    Spool spool(directory.path(), 1);
    ASSERT_FALSE(spool.cannot_start) << spool.cannot_start->reason;
    for (const auto id : ids_in(spool)) {
      ASSERT_TRUE(all.contains(id));
      if (id != 3) {
        EXPECT_EQ(spool.content_of(id), text_of(id));
      }
    }
    spool.accept(11, text_of(11));
    spool.run();
    EXPECT_TRUE(spool.is_committed(11));
  }
}

TEST(Recovery, SaysWhatToDoWhereItCannotStart) {
  const TemporaryDirectory directory;
  boost::asio::io_context loop{1};
  const auto reason = [&](const fs::path& path) {
    auto opened = LogStore::open(loop.get_executor(), path.string());
    const auto* failure = std::get_if<frames::CannotStart>(&opened);
    return failure ? *failure : frames::CannotStart{0, "it can"};
  };
  std::ofstream(directory.path() / "file") << "x";
  EXPECT_EQ(reason(directory.path() / "file").exit_code, EX_CONFIG);
  EXPECT_NE(reason(directory.path() / "file").reason.find("queue.directory"), std::string::npos);
  EXPECT_EQ(reason(directory.path()).exit_code, EX_CONFIG) << "somebody's home is no spool";
  EXPECT_EQ(files_in(directory.path(), ""), std::vector<std::string>{"file"})
      << "and is left alone";
  if (::geteuid() == 0) return;
  fs::create_directory(directory.path() / "closed");
  fs::permissions(directory.path() / "closed", fs::perms::none);
  EXPECT_EQ(reason(directory.path() / "closed").exit_code, EX_NOPERM);
  fs::permissions(directory.path() / "closed", fs::perms::owner_all);
}

}  // namespace
}  // namespace postern::queue
