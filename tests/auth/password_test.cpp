#include "auth/password.h"

#include <gtest/gtest.h>

#include <set>

namespace postern::auth {
namespace {

TEST(NewPassword, IsTakenOrRefusedWithAReason) {
  const struct {
    std::string password;
    bool is_taken;
    const char* why;
  } rows[] = {
      {"", false, "empty"},
      {"seven77", false, "too short"},
      {"eight888", true, "just long enough"},
      {"correct horse battery", true, "spaces are allowed"},
      {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc", false,
       "seven characters, though fourteen bytes"},
      {"\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f", true,
       "eight characters"},
      {"eight8\n88", false, "a line break"},
      {std::string("eight8\0 88", 10), false, "NUL"},
      {"eight888\x7f", false, "DEL"},
      {"eight888\xc2\x85", false, "NEL, a control character of the second set"},
      {"eight888\xff", false, "not UTF-8"},
      {"eight888\xc3", false, "a character that is cut off"},
      {"eight888\xc0\xaf", false, "a character in a longer form than need be"},
      {"eight888\xed\xa0\x80", false, "a surrogate"},
      {"eight888\xf4\x90\x80\x80", false, "beyond Unicode"},
      {std::string(1024, 'x'), true, "the longest"},
      {std::string(1025, 'x'), false, "too long"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(!objection_to_password(row.password), row.is_taken) << row.why;
}

TEST(GeneratedPassword, IsTakenAndNewEveryTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const Secret password = generate_password();
    EXPECT_FALSE(objection_to_password(password.view()));
    EXPECT_EQ(password.view().size(), 23U);
    EXPECT_TRUE(seen.emplace(password.view()).second);
  }
}

TEST(Secret, WipesWhereItWasTakenFrom) {
  std::string text = "hunter22";
  const char* bytes = text.data();
  const Secret secret = secret_from(text);
  EXPECT_EQ(secret.view(), "hunter22");
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(std::string_view(bytes, 8).find("unter"), std::string_view::npos);
}

}  // namespace
}  // namespace postern::auth
