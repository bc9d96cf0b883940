#include "auth/user_store.h"

#include <gtest/gtest.h>

#include "auth/user_file.h"
#include "fixtures.h"

namespace postern::auth {
namespace {

TEST(UserStore, ReadsAgainWhatHasChanged) {
  const Folder folder;
  const std::string path = folder.file("users");
  write_file(path, quick_line("alice", "one"));
  UserStore store(path);
  const auto before = store.current();
  ASSERT_TRUE(before);
  EXPECT_EQ(store.current(), before) << "nothing changed, nothing is read";

  ASSERT_TRUE(UserFile(path).add("bob", "password of bob"));
  const auto after = store.current();
  ASSERT_TRUE(after);
  EXPECT_TRUE(after->account("bob").is_real);
  EXPECT_FALSE(before->account("bob").is_real) << "who had the table keeps it as it was";
}

TEST(UserStore, NoticesAChangeThatKeepsTheSizeAndTheFile) {
  const Folder folder;
  const std::string path = folder.file("users");
  write_file(path, quick_line("alice", "one"));
  UserStore store(path);
  ASSERT_TRUE(store.current()->account("alice").is_real);
  write_file(path, quick_line("alicf", "one"));
  EXPECT_FALSE(store.current()->account("alice").is_real);
}

TEST(UserStore, RefusesAFileThatOthersMayUse) {
  const Folder folder;
  const std::string path = folder.file("users");
  for (const mode_t mode : {0600, 0640, 0400, 0440}) {
    write_file(path, quick_line("alice", "one"), mode);
    EXPECT_TRUE(UserStore(path).current()) << std::oct << mode;
  }
  for (const mode_t mode : {0644, 0660, 0641, 0604, 0642, 0740, 0650, 04640}) {
    write_file(path, quick_line("alice", "one"), mode);
    UserStore store(path);
    EXPECT_FALSE(store.current()) << std::oct << mode;
    EXPECT_NE(store.problem().find("chmod 0640 " + path), std::string::npos) << store.problem();
  }
}

TEST(UserStore, StopsAndRecoversWithTheRightsOfTheFile) {
  const Folder folder;
  const std::string path = folder.file("users");
  write_file(path, quick_line("alice", "one"));
  UserStore store(path);
  ASSERT_TRUE(store.current());
  ASSERT_EQ(::chmod(path.c_str(), 0644), 0);
  EXPECT_FALSE(store.current());
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_TRUE(store.current());
  EXPECT_TRUE(store.problem().empty());
}

TEST(UserStore, SaysWhatIsWrong) {
  const Folder folder;
  UserStore missing(folder.file("none"));
  EXPECT_FALSE(missing.current());
  EXPECT_TRUE(missing.is_missing());
  EXPECT_NE(missing.problem().find("postern user add"), std::string::npos);

  ASSERT_EQ(::mkfifo(folder.file("pipe").c_str(), 0600), 0);
  UserStore pipe(folder.file("pipe"));
  EXPECT_FALSE(pipe.current()) << "and does not hang";
  EXPECT_FALSE(pipe.is_missing());

  std::string large(max_users_file + 1, '#');
  write_file(folder.file("large"), large);
  EXPECT_FALSE(UserStore(folder.file("large")).current());
}

TEST(UserStore, ServesAFileThatAppearsLater) {
  const Folder folder;
  UserStore store(folder.file("users"));
  ASSERT_FALSE(store.current());
  ASSERT_TRUE(UserFile(folder.file("users")).add("alice", "correct horse"));
  ASSERT_TRUE(store.current());
  EXPECT_FALSE(store.is_missing());
}

}  // namespace
}  // namespace postern::auth
