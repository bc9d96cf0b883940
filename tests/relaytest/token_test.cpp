#include "relaytest/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::relaytest {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST(Token, IsTheHmacOfRunAndProbe) {
  // Computed apart: printf r1.0-plain | openssl dgst -sha256 -hmac secret
  EXPECT_EQ(token_of("r1", "secret", "0-plain"), "r1.0-plain.c7b5d29ee4a9e65a322d45071c96ffdd");
}

TEST(Token, DependsOnEachOfItsParts) {
  const std::string token = token_of("r1", "secret", "0-plain");
  EXPECT_NE(token.substr(token.rfind('.')), token_of("r2", "secret", "0-plain").substr(10));
  EXPECT_NE(token, token_of("r1", "Secret", "0-plain"));
  EXPECT_NE(token.substr(token.rfind('.')), token_of("r1", "secret", "1-plain").substr(10));
}

TEST(Token, IsNeverTooLongForALineOfHeader) {
  EXPECT_THAT(token_of(std::string(24, 'r'), "secret", std::string(42, 'p')), SizeIs(100));
  EXPECT_THROW((void)token_of(std::string(24, 'r'), "secret", std::string(43, 'p')),
               std::invalid_argument);
}

TEST(Token, SecretsAreLongAndNeverTheSame) {
  const std::string one = new_secret();
  EXPECT_THAT(one, SizeIs(64));
  EXPECT_NE(one, new_secret());
}

const std::string mac = "0123456789abcdef0123456789abcdef";
const std::string token = "r1.0-plain." + mac;

TEST(TokensIn, AreFoundWhereverTheyStand) {
  struct Row {
    const char* why;
    std::string text;
    std::vector<std::string> tokens;
  };
  const Row rows[] = {
      {"alone", token, {token}},
      {"in a Message-ID", "Message-ID: <" + token + "@tester.example>\r\n", {token}},
      {"in upper case, as some gateways write",
       "R1.0-PLAIN.0123456789ABCDEF0123456789ABCDEF",
       {token}},
      {"two of them", token + ' ' + "r1.1-plain." + mac, {token, "r1.1-plain." + mac}},
      {"behind other labels: the last three count", "a.b." + token, {token}},
      {"at a sentence's end", token + ".\r\n", {token}},
      {"a MAC alone", mac, {}},
      {"two labels", "plain." + mac, {}},
      {"an empty label", "r1.." + mac, {}},
      {"the MAC is too short", "r1.0-plain.0123456789abcdef0123456789abcde", {}},
      {"the MAC is too long", token + "0", {}},
      {"not hexadecimal", "r1.0-plain.0123456789abcdef0123456789abcdeg", {}},
      {"parted by a space", "r1. 0-plain." + mac, {}},
      {"longer than tokens are", std::string(90, 'r') + "." + token.substr(3), {}},
      {"empty", "", {}},
      {"8-bit octets part words", "\xc3\xa4" + token + "\xff", {token}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(tokens_in(row.text), row.tokens);
  }
}

TEST(TokensIn, FindsWhatTokenOfMade) {
  const std::string made = token_of("20261122-0730-ab12", new_secret(), "0-percent-hack");
  EXPECT_THAT(tokens_in("X-Postern-Relay-Test: " + made + "\r\n"), ElementsAre(made));
}

TEST(TokensIn, AreBounded) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += token + '\n';
  EXPECT_THAT(tokens_in(many), SizeIs(32));
}

}  // namespace
}  // namespace postern::relaytest
