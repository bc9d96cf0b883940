#include "auth/user_table.h"

#include <gtest/gtest.h>

#include "fixtures.h"

namespace postern::auth {
namespace {

const std::string key(32, 'k');

std::string verifier_text() { return quick_verifier("correct horse").text(); }

TEST(UserLine, IsReadAsItIsWritten) {
  const std::string line =
      "alice " + verifier_text() + " disabled any-sender sender=a@b.example sender=c@d.example";
  const auto user = User::parse(line);
  ASSERT_TRUE(user);
  EXPECT_EQ(user->name, "alice");
  EXPECT_TRUE(user->is_disabled);
  EXPECT_TRUE(user->any_sender);
  EXPECT_EQ(user->senders.size(), 2U);
  EXPECT_EQ(user->text(), line);
}

TEST(UserLine, IsDamagedWhereItIsMalformed) {
  const std::string verifier = verifier_text();
  const std::string long_name(256, 'a');
  std::string many = "alice " + verifier;
  for (int i = 0; i < 101; ++i) many += " sender=a@b.example";
  const struct {
    std::string line;
    const char* why;
  } rows[] = {
      {"alice", "no verifier"},
      {" alice " + verifier, "it begins with a space"},
      {"alice  " + verifier, "two spaces"},
      {"al:ice " + verifier, "a colon in the name"},
      {"\xc3\xa4 " + verifier, "a name that is not ASCII"},
      {long_name + " " + verifier, "a name too long"},
      {"alice " + verifier + " disable", "a misspelt attribute must not let anyone in"},
      {"alice " + verifier + " sender=nobody", "a sender that is no address"},
      {"alice " + verifier + "\r", "a line break of another system"},
      {many, "too many senders"},
  };
  for (const auto& row : rows) EXPECT_FALSE(User::parse(row.line)) << row.why;
}

TEST(UserTable, FindsItsUsers) {
  const UserTable table = UserTable::parse(
      "# a comment\n\n" + quick_line("alice", "one") + quick_line("bob", "two"), key);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_TRUE(table.problems().empty());
  EXPECT_TRUE(table.account("alice").is_real);
  EXPECT_TRUE(table.account("bob").verifier.matches("two"));
  EXPECT_FALSE(table.account("Alice").is_real) << "upper and lower case differ";
}

TEST(UserTable, ReportsADamagedLineAndGoesOn) {
  const UserTable table =
      UserTable::parse(quick_line("alice", "one") + "bob damaged\n" + std::string(5000, 'x') +
                           "\n" + quick_line("carol", "three"),
                       key);
  EXPECT_TRUE(table.account("alice").is_real);
  EXPECT_FALSE(table.account("bob").is_real);
  EXPECT_TRUE(table.account("carol").is_real);
  ASSERT_EQ(table.problems().size(), 2U);
  EXPECT_EQ(table.problems()[0].line, 2U);
  EXPECT_EQ(table.problems()[1].line, 3U);
}

TEST(UserTable, LetsNobodyInWhoStandsThereTwice) {
  const std::string line = quick_line("alice", "one");
  for (const int times : {2, 3, 4}) {
    std::string text;
    for (int i = 0; i < times; ++i) text += line;
    const UserTable table = UserTable::parse(text, key);
    EXPECT_FALSE(table.account("alice").is_real) << times;
    EXPECT_EQ(table.problems().size(), static_cast<std::size_t>(times - 1));
  }
}

TEST(UserTable, TreatsTheDisabledLikeTheUnknown) {
  std::string line = quick_line("alice", "correct horse");
  line.insert(line.size() - 1, " disabled");
  const Account account = UserTable::parse(line, key).account("alice");
  EXPECT_FALSE(account.is_real);
  EXPECT_FALSE(account.verifier.matches("correct horse"));
}

TEST(UnknownUser, HasAStableVerifierWithTheIterationsOfTheOthers) {
  const UserTable table = UserTable::parse(quick_line("alice", "one"), key);
  const Account unknown = table.account("mallory");
  EXPECT_FALSE(unknown.is_real);
  EXPECT_EQ(unknown.verifier.iterations(), table.account("alice").verifier.iterations());
  const UserTable later =
      UserTable::parse(quick_line("alice", "one") + quick_line("bob", "two"), key);
  EXPECT_EQ(later.account("mallory").verifier, unknown.verifier)
      << "a change of the file does not tell";
}

TEST(UnknownUser, KeepsTheVerifierThatTheFilesKeyGives) {
  const std::string text = "#decoys " + net::to_base64(std::string(32, 'd')) + "\n";
  const UserTable table = UserTable::parse(text, key);
  EXPECT_EQ(table.account("bob").verifier,
            UserTable::parse(text, "another").account("bob").verifier);
  EXPECT_NE(table.account("bob").verifier, UserTable::parse("", key).account("bob").verifier);
}

}  // namespace
}  // namespace postern::auth
