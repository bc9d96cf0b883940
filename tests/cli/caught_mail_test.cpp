#include "caught_mail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace postern::cli {
namespace {

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class CaughtMailOnDisk : public testing::Test {
 protected:
  CaughtMailOnDisk() {
    std::string pattern = testing::TempDir() + "postern-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~CaughtMailOnDisk() override { std::filesystem::remove_all(folder_); }

  CaughtMail::Options options() const {
    return {.is_quiet = true, .show = Show::none, .directory = folder_ / "new"};
  }

  std::filesystem::path folder_;
  const relaytest::CaughtMessage message_{
      "a@b.example", {"c@d.example"}, std::string("Subject: x\r\n\r\n\0\xff\n", 17), 17, true};
};

TEST_F(CaughtMailOnDisk, IsThereByteForByte) {
  CaughtMail caught(options());
  EXPECT_TRUE(caught.add(message_));
  EXPECT_EQ(content_of(folder_ / "new" / "000001.eml"), message_.content);
  EXPECT_EQ(
      content_of(folder_ / "new" / "000001.json"),
      "{\"from\": \"a@b.example\", \"to\": [\"c@d.example\"], \"size\": 17, \"tls\": true}\n");
  EXPECT_EQ(caught.totals(), "1 message, 1 recipient, 17 bytes");
}

TEST_F(CaughtMailOnDisk, IsNumberedOnAfterARestart) {
  EXPECT_TRUE(CaughtMail(options()).add(message_));
  CaughtMail again(options());
  EXPECT_TRUE(again.add(message_));
  EXPECT_TRUE(again.add(message_));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "new" / "000003.eml"));
}

TEST_F(CaughtMailOnDisk, IsNotTakenWhereItCannotBeWritten) {
  CaughtMail caught(options());
  std::filesystem::remove(folder_ / "new");
  EXPECT_FALSE(caught.add(message_));
  EXPECT_EQ(caught.count(), 0U);
}

TEST(CaughtMailEnvelope, IsJsonWhateverTheClientSaid) {
  const relaytest::CaughtMessage message{"\"a\\\x01\xc3\xa4\"@b", {}, "", 0, false};
  EXPECT_EQ(envelope_json(message),
            "{\"from\": \"\\\"a\\\\\\u0001\xc3\xa4\\\"@b\", \"to\": [], \"size\": 0, \"tls\": "
            "false}\n");
}

}  // namespace
}  // namespace postern::cli
