#include "mail/base64_encoder.h"

#include <gtest/gtest.h>

namespace postern::mail {
namespace {

TEST(Base64Encoder, EncodesAsRfc4648Does) {  // 10
  const struct {
    std::string octets;
    std::string text;
  } rows[] = {
      {"", ""},
      {"f", "Zg==\r\n"},
      {"fo", "Zm8=\r\n"},
      {"foo", "Zm9v\r\n"},
      {"foob", "Zm9vYg==\r\n"},
      {"fooba", "Zm9vYmE=\r\n"},
      {"foobar", "Zm9vYmFy\r\n"},
      {"\xff\xfe\xfd\xfb\xef\xbe", "//79++++\r\n"},
      {std::string(57, 'f'), std::string("Zm") +
                                 [] {
                                   std::string text;
                                   for (int i = 0; i < 18; ++i) text += "ZmZm";
                                   return text;
                                 }() +
                                 "Zm\r\n"},
      {std::string(58, '\0'), std::string(76, 'A') + "\r\nAA==\r\n"},
  };
  for (const auto& row : rows) {
    for (std::size_t cut = 0; cut <= row.octets.size(); ++cut) {
      Base64Encoder encoder;
      std::string text;
      encoder.feed(std::string_view(row.octets).substr(0, cut), text);
      encoder.feed(std::string_view(row.octets).substr(cut), text);
      encoder.finish(text);
      EXPECT_EQ(text, row.text) << cut;
    }
  }
}

}  // namespace
}  // namespace postern::mail
