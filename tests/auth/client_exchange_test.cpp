#include "auth/client_exchange.h"

#include <gtest/gtest.h>

#include "auth/server_exchange.h"
#include "fixtures.h"

namespace postern::auth {
namespace {

using namespace std::string_literals;

class ClientExchangeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { start_sasl(); }

  ClientExchange exchange_{"relay.example", "alice", "correct horse"};
};

TEST(ClientMechanism, IsTheBestOfThoseOffered) {
  const struct {
    std::string offered;
    std::optional<std::string> chosen;
  } rows[] = {
      {"PLAIN LOGIN", "PLAIN"},
      {"LOGIN PLAIN SCRAM-SHA-1 SCRAM-SHA-256", "SCRAM-SHA-256"},
      {"CRAM-MD5 DIGEST-MD5 LOGIN", "LOGIN"},
      {"CRAM-MD5", "CRAM-MD5"},
      {"login", "LOGIN"},
      {"  PLAIN  ", "PLAIN"},
      {"XPLAIN PLAINX", std::nullopt},
      {"SCRAM-SHA-256-PLUS", std::nullopt},
      {"GSSAPI XOAUTH2 ANONYMOUS EXTERNAL", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(choose_mechanism(row.offered), row.chosen) << row.offered;
}

TEST_F(ClientExchangeTest, SendsPlainAsInitialResponse) {
  const ClientReply said = exchange_.begin("PLAIN");
  EXPECT_EQ(std::get<Reply>(said).bytes, "\0alice\0correct horse"s);
  EXPECT_TRUE(std::get<Reply>(said).is_last);
}

TEST_F(ClientExchangeTest, AnswersLoginsTwoQuestions) {
  const ClientReply first = exchange_.begin("LOGIN");
  EXPECT_FALSE(std::get<Reply>(first).bytes);
  EXPECT_EQ(std::get<Reply>(exchange_.answer("Username:")).bytes, "alice");
  const ClientReply last = exchange_.answer("Password:");
  EXPECT_EQ(std::get<Reply>(last).bytes, "correct horse");
  EXPECT_TRUE(std::get<Reply>(last).is_last);
}

TEST_F(ClientExchangeTest, AnswersCramMd5AsRfc2195Says) {
  ClientExchange tim("relay.example", "tim", "tanstaaftanstaaf");
  ASSERT_TRUE(std::holds_alternative<Reply>(tim.begin("CRAM-MD5")));
  const ClientReply said = tim.answer("<1896.697170952@postoffice.reston.mci.net>");
  EXPECT_EQ(std::get<Reply>(said).bytes, "tim b913a602c7eda7a495b4e6e7334d3890");
}

TEST_F(ClientExchangeTest, TakesScramsEndOnlyWithTheRightSignature) {
  for (const bool is_forged : {false, true}) {
    SCOPED_TRACE(is_forged);
    ClientExchange client("relay.example", "alice", "correct horse");
    ServerExchange server("relay.example", table_of_alice());
    const ClientReply first = client.begin("SCRAM-SHA-256");
    const ServerStep challenge = server.begin("SCRAM-SHA-256", std::get<Reply>(first).bytes);
    const ClientReply proof = client.answer(std::get<Ask>(challenge).bytes);
    EXPECT_FALSE(std::get<Reply>(proof).is_last) << "the server must prove itself first";
    const ServerStep proved = server.answer(*std::get<Reply>(proof).bytes);
    std::string last = *std::get<Proved>(proved).last;
    if (is_forged) last[3] = last[3] == 'A' ? 'B' : 'A';
    const ClientReply end = client.answer(last);
    EXPECT_EQ(std::holds_alternative<GaveUp>(end), is_forged);
    if (auto* reply = std::get_if<Reply>(&end)) {
      EXPECT_TRUE(reply->is_last);
    }
  }
}

TEST_F(ClientExchangeTest, GivesUpOnAChallengeThatIsWrong) {
  const struct {
    std::string challenge;
    const char* why;
  } rows[] = {
      {"", "empty"},
      {"r=", "cut off"},
      {"r=another,s=c2FsdA==,i=4096", "a nonce that does not begin with ours"},
      {std::string(5000, 'x'), "too long"},
      {"\0\0\0"s, "NULs"},
      {"e=other-error", "the server's error"},
  };
  for (const auto& row : rows) {
    ClientExchange client("relay.example", "alice", "correct horse");
    ASSERT_TRUE(std::holds_alternative<Reply>(client.begin("SCRAM-SHA-256")));
    const ClientReply said = client.answer(row.challenge);
    ASSERT_TRUE(std::holds_alternative<GaveUp>(said)) << row.why;
    EXPECT_EQ(std::get<GaveUp>(said).reason.find("correct horse"), std::string::npos);
  }
}

TEST_F(ClientExchangeTest, ComputesNoMoreIterationsThanCyrusBears) {
  const ClientReply first = exchange_.begin("SCRAM-SHA-256");
  const std::string bare = *std::get<Reply>(first).bytes;
  const std::string nonce = bare.substr(bare.find("r=") + 2);
  const ClientReply said = exchange_.answer("r=" + nonce + "x,s=c2FsdA==,i=4000000000");
  EXPECT_TRUE(std::holds_alternative<GaveUp>(said));
}

}  // namespace
}  // namespace postern::auth
