#include "auth/user_file.h"

#include <gtest/gtest.h>
#include <sys/file.h>

#include <atomic>
#include <thread>

#include "auth/user_store.h"
#include "fixtures.h"

namespace postern::auth {
namespace {

using Kind = UserFileError::Kind;

mode_t mode_of(const std::string& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return status.st_mode & 07777;
}

TEST(UserFile, IsMadeForTheFirstUser) {
  const Folder folder;
  const std::string path = folder.file("users");
  ASSERT_TRUE(UserFile(path).add("alice", "correct horse"));
  EXPECT_EQ(mode_of(path), ::geteuid() == 0 ? 0640U : 0600U);
  const auto table = UserStore(path).current();
  ASSERT_TRUE(table);
  EXPECT_TRUE(table->account("alice").verifier.matches("correct horse"));
  EXPECT_TRUE(read_file(path).starts_with("#decoys "));
  EXPECT_EQ(read_file(path).find("correct"), std::string::npos);
}

TEST(UserFile, KeepsWhatItDoesNotChange) {
  const Folder folder;
  const std::string path = folder.file("users");
  std::string bob = quick_line("bob", "two");
  bob.insert(bob.size() - 1, " any-sender sender=bob@office.example");
  const std::string others = "# made by hand\n\ndamaged line\n" + quick_line("alice", "one");
  write_file(path, others + bob, 0600);

  ASSERT_TRUE(UserFile(path).set_password("bob", "another password"));
  const std::string text = read_file(path);
  EXPECT_NE(text.find(others), std::string::npos);
  EXPECT_NE(text.find(" any-sender sender=bob@office.example\n"), std::string::npos);
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_TRUE(UserStore(path).current()->account("bob").verifier.matches("another password"));

  ASSERT_TRUE(UserFile(path).remove("bob"));
  EXPECT_TRUE(read_file(path).ends_with(others));
}

TEST(UserFile, RefusesWhatCannotBe) {
  const Folder folder;
  UserFile file(folder.file("users"));
  ASSERT_TRUE(file.add("alice", "correct horse"));
  const std::string before = read_file(folder.file("users"));
  EXPECT_EQ(file.add("alice", "correct horse").error().kind, Kind::user_exists);
  EXPECT_EQ(file.add("a b", "correct horse").error().kind, Kind::bad_name);
  EXPECT_EQ(file.add("", "correct horse").error().kind, Kind::bad_name);
  EXPECT_EQ(file.add("#a", "correct horse").error().kind, Kind::bad_name);
  EXPECT_EQ(file.add("a\nroot", "correct horse").error().kind, Kind::bad_name);
  EXPECT_EQ(file.set_password("bob", "correct horse").error().kind, Kind::no_such_user);
  EXPECT_EQ(file.remove("bob").error().kind, Kind::no_such_user);
  EXPECT_EQ(file.remove("").error().kind, Kind::no_such_user);
  EXPECT_EQ(file.remove("#decoys").error().kind, Kind::no_such_user)
      << "no user, though it begins a line";
  EXPECT_EQ(file.remove("ali").error().kind, Kind::no_such_user)
      << "the beginning of a name is not the name";
  EXPECT_EQ(read_file(folder.file("users")), before);
}

TEST(UserFile, SaysWhereItCannotWrite) {
  const auto refused = UserFile("/nonexistent/users").add("alice", "correct horse");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, Kind::unwritable);
  EXPECT_NE(refused.error().text.find("/nonexistent/users"), std::string::npos);
}

TEST(UserFile, OutlivesAnInterruptedChange) {
  const Folder folder;
  const std::string path = folder.file("users");
  ASSERT_TRUE(UserFile(path).add("alice", "correct horse"));
  write_file(path + ".new", "half a li", 0600);
  EXPECT_TRUE(UserStore(path).current()->account("alice").is_real);
  ASSERT_TRUE(UserFile(path).add("bob", "correct horse"));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
  EXPECT_EQ(UserStore(path).current()->size(), 2U);
}

TEST(UserFile, LosesNothingWhenManyChangeItAtOnce) {
  const Folder folder;
  const std::string path = folder.file("users");
  constexpr int writers = 4;
  constexpr int each = 5;
  std::atomic<bool> is_done = false;
  std::atomic<int> torn = 0;
  std::thread reader([&] {
    UserStore store(path);
    while (!is_done) {
      const auto table = store.current();
      if (table && !table->problems().empty()) ++torn;
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer) {
    threads.emplace_back([&path, writer] {
      for (int i = 0; i < each; ++i) {
        EXPECT_TRUE(UserFile(path).add(fmt::format("user{}-{}", writer, i), "correct horse"));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  is_done = true;
  reader.join();
  EXPECT_EQ(UserStore(path).current()->size(), static_cast<std::size_t>(writers * each));
  EXPECT_EQ(torn, 0);
}

TEST(UserFile, ChangesTheFileBehindASymbolicLink) {
  const Folder folder;
  ASSERT_TRUE(UserFile(folder.file("real")).add("alice", "correct horse"));
  std::filesystem::create_symlink(folder.file("real"), folder.file("users"));
  ASSERT_TRUE(UserFile(folder.file("users")).add("bob", "correct horse"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("users")));
  EXPECT_EQ(UserStore(folder.file("real")).current()->size(), 2U);
}

TEST(UserFile, ListsItsUsers) {
  const Folder folder;
  UserFile file(folder.file("users"));
  EXPECT_EQ(file.list()->size(), 0U);
  ASSERT_TRUE(file.add("bob", "correct horse"));
  ASSERT_TRUE(file.add("alice", "correct horse"));
  const auto table = file.list();
  ASSERT_TRUE(table);
  EXPECT_EQ(table->users().begin()->first, "alice");
  EXPECT_EQ(table->size(), 2U);
}

TEST(UserFile, KeepsWhatAUserMaySendAs) {
  const Folder folder;
  UserFile file(folder.file("users"));
  const mail::Mailbox sender = *mail::Mailbox::parse("sales@office.example");
  ASSERT_TRUE(file.add("alice", "correct horse", {{sender}, false}));
  ASSERT_TRUE(file.add("scanner", "correct horse", {{}, true}));
  ASSERT_TRUE(file.set_password("alice", "another password"));
  const auto table = file.list();
  ASSERT_TRUE(table);
  const User& alice = table->users().at("alice");
  ASSERT_EQ(alice.senders.size(), 1U);
  EXPECT_EQ(alice.senders[0].text(), "sales@office.example");
  EXPECT_FALSE(alice.any_sender);
  EXPECT_TRUE(table->users().at("scanner").any_sender);

  const std::vector<mail::Mailbox> many(max_senders + 1, sender);
  const auto too_many = file.add("bob", "correct horse", {many, false});
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().kind, Kind::bad_rights);

  const auto spaced = mail::Mailbox::parse("\"a b\"@office.example");
  ASSERT_TRUE(spaced);
  const std::string before = read_file(folder.file("users"));
  const auto unreadable = file.add("bob", "correct horse", {{*spaced}, false});
  ASSERT_FALSE(unreadable) << "a line that could not be read back";
  EXPECT_EQ(unreadable.error().kind, Kind::bad_rights);
  EXPECT_EQ(read_file(folder.file("users")), before);
}

}  // namespace
}  // namespace postern::auth
