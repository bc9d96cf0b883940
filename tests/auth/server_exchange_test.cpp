#include "auth/server_exchange.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "auth/client_exchange.h"
#include "fixtures.h"

namespace postern::auth {
namespace {

using frames::LoginResult;
using namespace std::string_literals;

class ServerExchangeTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { start_sasl(); }

  const std::shared_ptr<const UserTable> users_ = table_of_alice();
  ServerExchange exchange_{"smarthost.example", users_};
};

/// What a step came to, in one word, where a claim counts by its password.
std::string word_of(const ServerStep& step) {
  if (std::holds_alternative<Ask>(step)) return "ask";
  if (std::holds_alternative<Proved>(step)) return "accepted";
  if (const auto* claimed = std::get_if<Claimed>(&step)) {
    const bool is_right =
        claimed->account.verifier.matches(claimed->password.view()) && claimed->account.is_real;
    return is_right ? "accepted" : "refused";
  }
  switch (std::get<Ended>(step).result) {
    case LoginResult::refused:
      return "refused";
    case LoginResult::malformed:
      return "malformed";
    case LoginResult::unavailable:
      return "unavailable";
    case LoginResult::throttled:
    case LoginResult::accepted:
      break;
  }
  return "accepted without proof";
}

/// Runs a whole exchange with a real Cyrus client.
ServerStep run(ServerExchange& server, ClientExchange client, const std::string& mechanism) {
  ClientReply said = client.begin(mechanism);
  ServerStep step = server.begin(mechanism, std::get<Reply>(said).bytes);
  while (auto* ask = std::get_if<Ask>(&step)) {
    said = client.answer(ask->bytes);
    if (std::holds_alternative<GaveUp>(said)) return Ended{};
    step = server.answer(std::get<Reply>(said).bytes.value_or(""));
  }
  if (auto* proved = std::get_if<Proved>(&step); proved != nullptr && proved->last) {
    EXPECT_TRUE(std::holds_alternative<Reply>(client.answer(*proved->last)))
        << "the client verifies the server";
  }
  return step;
}

TEST_F(ServerExchangeTest, AgreesWithCyrussOwnClient) {
  const struct {
    std::string user;
    std::string password;
    std::string result;
  } rows[] = {
      {"alice", "correct horse", "accepted"},
      {"alice", "wrong horse", "refused"},
      {"mallory", "correct horse", "refused"},
      {"a lice", "correct horse", "refused"},
  };
  for (const std::string mechanism : {"PLAIN", "LOGIN", "SCRAM-SHA-256"}) {
    for (const auto& row : rows) {
      SCOPED_TRACE(mechanism + " " + row.user + " " + row.password);
      ServerExchange server("smarthost.example", users_);
      ServerStep step =
          run(server, ClientExchange("smarthost.example", row.user, row.password), mechanism);
      EXPECT_EQ(word_of(step), row.result);
    }
  }
}

TEST_F(ServerExchangeTest, SaysWhoseLoginItIs) {
  const ServerStep plain = exchange_.begin("PLAIN", "\0alice\0correct horse"s);
  EXPECT_EQ(std::get<Claimed>(plain).login, "alice");
  ServerExchange server("smarthost.example", users_);
  const ServerStep scram =
      run(server, ClientExchange("smarthost.example", "alice", "correct horse"), "SCRAM-SHA-256");
  EXPECT_EQ(std::get<Proved>(scram).login, "alice");
}

// Behaviour 25 and 26.
TEST_F(ServerExchangeTest, TakesPlainApartAsRfc4616Says) {
  const struct {
    std::optional<std::string> initial;
    std::string result;
    const char* why;
  } rows[] = {
      {"\0alice\0correct horse"s, "accepted", "as it should be"},
      {"alice\0alice\0correct horse"s, "accepted", "acting for oneself"},
      {"bob\0alice\0correct horse"s, "refused", "acting for someone else"},
      {"root\0alice\0wrong"s, "refused", "the same with a wrong password"},
      {std::nullopt, "ask", "no initial response: the server waits for it"},
      {""s, "malformed", "an empty initial response (`=`)"},
      {"alice"s, "malformed", "no NUL at all"},
      {"\0alice"s, "malformed", "one NUL"},
      {"\0alice\0correct horse\0more"s, "malformed", "three NULs"},
      {"\0\0"s, "refused", "neither name nor password"},
      {"\0alice\0"s, "refused", "no password"},
      {"\0\0correct horse"s, "refused", "no name"},
      {"\0 alice\0correct horse"s, "refused", "a space before the name"},
      {"\0alice\n\0correct horse"s, "refused", "a line break in the name"},
      {"\0"s + std::string(300, 'a') + "\0correct horse"s, "refused", "a name longer than any"},
      {"\0alice\0"s + std::string(1024, 'x'), "refused", "the longest password"},
      {"\0alice\0"s + std::string(2048, 'x'), "malformed", "more than an exchange may bring"},
      {std::string(2048, '\0'), "malformed", "NULs only"},
      {std::string(2048, '\xff'), "malformed", "neither text nor NUL"},
  };
  for (const auto& row : rows) {
    ServerExchange exchange("smarthost.example", users_);
    EXPECT_EQ(word_of(exchange.begin("PLAIN", row.initial)), row.result) << row.why;
  }
}

// Behaviour 25.
TEST_F(ServerExchangeTest, AsksForLoginsNameAndPassword) {
  const ServerStep name = exchange_.begin("LOGIN", std::nullopt);
  EXPECT_EQ(std::get<Ask>(name).bytes, "Username:");
  const ServerStep password = exchange_.answer("alice");
  EXPECT_EQ(std::get<Ask>(password).bytes, "Password:");
  EXPECT_EQ(word_of(exchange_.answer("correct horse")), "accepted");
}

TEST_F(ServerExchangeTest, TakesLoginsNameAsInitialResponse) {
  const ServerStep password = exchange_.begin("LOGIN", "alice");
  EXPECT_EQ(std::get<Ask>(password).bytes, "Password:");
  EXPECT_EQ(word_of(exchange_.answer("correct horse")), "accepted");
}

TEST_F(ServerExchangeTest, RefusesWhatIsWrongInLogin) {
  const struct {
    std::string name;
    std::string password;
    std::string result;
    const char* why;
  } rows[] = {
      {"alice", "", "refused", "no password"},
      {"", "correct horse", "ask", "no name: asked again"},
      {"   ", "correct horse", "refused", "a name of spaces"},
      {"alice\0"s, "correct horse", "refused", "a NUL behind the name"},
      {"alice\0bob"s, "correct horse", "refused", "a NUL in the name"},
      {"alice", "correct horse\0"s, "refused", "a NUL behind the password"},
      {"alice ", "correct horse", "refused", "a space behind the name"},
      {std::string(1024, 'a'), "correct horse", "refused", "a name longer than any"},
      {"alice", std::string(1025, 'x'), "malformed", "a password longer than any"},
      {"alice", std::string(2049, 'x'), "malformed", "more than an exchange may bring"},
  };
  for (const auto& row : rows) {
    ServerExchange exchange("smarthost.example", users_);
    const ServerStep first = exchange.begin("LOGIN", row.name);
    ASSERT_EQ(word_of(first), "ask") << row.why;
    EXPECT_EQ(word_of(exchange.answer(row.password)), row.result) << row.why;
  }
}

class ScramTest : public ServerExchangeTest {
 protected:
  static constexpr std::string_view bare_ = "n=alice,r=clientnonce";

  /// The server's first message for alice's, and what she answers to it.
  ScramAnswer answer_to(const std::string& client_first, ServerExchange& exchange) {
    const ServerStep step = exchange.begin("SCRAM-SHA-256", client_first);
    return {std::string(bare_), std::get<Ask>(step).bytes, "correct horse"};
  }
};

TEST_F(ScramTest, TakesAHandmadeProof) {
  const ScramAnswer answer = answer_to("n,,n=alice,r=clientnonce", exchange_);
  const ServerStep step = exchange_.answer(answer.message());
  ASSERT_EQ(word_of(step), "accepted");
  EXPECT_TRUE(std::get<Proved>(step).last.value_or("").starts_with("v="));
}

TEST_F(ScramTest, WaitsForAClientWithoutInitialResponse) {
  EXPECT_EQ(std::get<Ask>(exchange_.begin("SCRAM-SHA-256", std::nullopt)).bytes, "");
  const ServerStep first = exchange_.answer("n,,n=alice,r=clientnonce");
  const ScramAnswer answer{std::string(bare_), std::get<Ask>(first).bytes, "correct horse"};
  EXPECT_EQ(word_of(exchange_.answer(answer.message())), "accepted");
}

TEST_F(ScramTest, RefusesAFirstMessageThatIsWrong) {
  const struct {
    std::string message;
    std::string result;
    const char* why;
  } rows[] = {
      {"", "ask", "empty: the client lets the server begin"},
      {"n,,", "malformed", "the header only"},
      {"n,,n=alice", "malformed", "no nonce"},
      {"n,,r=clientnonce", "malformed", "no name"},
      {"x,,n=alice,r=clientnonce", "malformed", "no such flag"},
      {"p=tls-unique,,n=alice,r=x", "refused", "channel binding, but the other mechanism"},
      {"p=tls-unique", "malformed", "channel binding without an end"},
      {"n,a=bo=b,n=alice,r=x", "malformed", "a malformed name to act for"},
      {"n,,m=ext,n=alice,r=x", "malformed", "an extension that must be understood"},
      {"n,,n=al=2Xice,r=x", "malformed", "an escape that does not exist"},
      {"n,,n=alice=,r=x", "malformed", "an escape that is cut off"},
      {"n,,n=alice\0,r=x"s, "malformed", "a NUL"},
      {"n,,n=" + std::string(2048, 'a') + ",r=x", "malformed", "more than an exchange may bring"},
      {std::string(2048, ','), "malformed", "commas only"},
      {std::string(2048, '\xff'), "malformed", "not text"},
  };
  for (const auto& row : rows) {
    ServerExchange exchange("smarthost.example", users_);
    EXPECT_EQ(word_of(exchange.begin("SCRAM-SHA-256", row.message)), row.result) << row.why;
  }
}

TEST_F(ScramTest, RefusesAProofThatIsWrong) {
  const struct {
    const char* why;
    std::string result;
    std::function<std::string(ScramAnswer)> message;
  } rows[] = {
      {"a wrong password", "refused",
       [](ScramAnswer a) {
         a.password = "wrong";
         return a.message();
       }},
      {"another nonce", "malformed",
       [](ScramAnswer a) {
         a.nonce = "clientnonce";
         return a.message();
       }},
      {"a longer nonce", "malformed",
       [](ScramAnswer a) {
         a.nonce = a.field('r') + "x";
         return a.message();
       }},
      {"another header", "malformed",
       [](ScramAnswer a) {
         a.channel_binding = "eSws";
         return a.message();
       }},
      {"a header that is no base64", "malformed",
       [](ScramAnswer a) {
         a.channel_binding = "!";
         return a.message();
       }},
      {"no proof", "malformed",
       [](ScramAnswer a) { return a.message().substr(0, a.message().find(",p=")); }},
      {"a proof that is cut off", "malformed",
       [](ScramAnswer a) { return a.message().substr(0, a.message().size() - 4); }},
      {"something behind the proof", "malformed",
       [](ScramAnswer a) { return a.message() + ",x=y"; }},
      {"a NUL behind the proof", "malformed", [](ScramAnswer a) { return a.message() + "\0"s; }},
      {"nothing", "malformed", [](ScramAnswer) { return std::string(); }},
      {"`c=` only", "malformed", [](ScramAnswer) { return "c="s; }},
      {"too much", "malformed", [](ScramAnswer a) { return a.message() + std::string(2048, 'x'); }},
  };
  for (const auto& row : rows) {
    ServerExchange exchange("smarthost.example", users_);
    const ScramAnswer answer = answer_to("n,,n=alice,r=clientnonce", exchange);
    EXPECT_EQ(word_of(exchange.answer(row.message(answer))), row.result) << row.why;
  }
}

// Behaviour 26.
TEST_F(ScramTest, LetsNobodyActForSomeoneElse) {
  ScramAnswer answer = answer_to("n,a=bob,n=alice,r=clientnonce", exchange_);
  answer.channel_binding = net::to_base64("n,a=bob,");
  EXPECT_EQ(word_of(exchange_.answer(answer.message())), "refused");

  ServerExchange another("smarthost.example", users_);
  ScramAnswer for_oneself = answer_to("n,a=alice,n=alice,r=clientnonce", another);
  for_oneself.channel_binding = net::to_base64("n,a=alice,");
  EXPECT_EQ(word_of(another.answer(for_oneself.message())), "accepted");
}

// Behaviour 27: the first message for a user who does not exist is like that for one who does.
TEST_F(ScramTest, ShowsNoDifferenceForUnknownUsers) {
  const auto ask = [&](const std::string& user) {
    ServerExchange exchange("smarthost.example", users_);
    const ServerStep step = exchange.begin("SCRAM-SHA-256", "n,,n=" + user + ",r=clientnonce");
    return ScramAnswer{"n=" + user + ",r=clientnonce", std::get<Ask>(step).bytes, "x"};
  };
  const ScramAnswer known = ask("alice");
  const ScramAnswer unknown = ask("mallory");
  EXPECT_EQ(known.field('i'), unknown.field('i'));
  EXPECT_EQ(known.field('s').size(), unknown.field('s').size());
  EXPECT_EQ(known.field('r').size(), unknown.field('r').size());
  EXPECT_EQ(ask("mallory").field('s'), unknown.field('s'))
      << "the salt stays, as that of a real user does";
  EXPECT_NE(ask("mallory2").field('s'), unknown.field('s'));
}

TEST_F(ServerExchangeTest, KnowsNoOtherMechanism) {
  for (const std::string mechanism :
       {"EXTERNAL", "ANONYMOUS", "DIGEST-MD5", "NTLM", "XOAUTH2", "", "PLAIN "}) {
    ServerExchange exchange("smarthost.example", users_);
    EXPECT_EQ(word_of(exchange.begin(mechanism, "alice")), "unavailable") << mechanism;
  }
}

// CVE-2011-1720: memory corruption after failed exchanges. To be run under AddressSanitizer.
TEST_F(ServerExchangeTest, BearsAThousandFailedAndAbandonedExchanges) {
  std::mt19937 random(20'111'720);
  const std::vector<std::string> mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-1",
                                               "CRAM-MD5"};
  const std::vector<std::string> pieces = {
      "",         "\0"s, "alice", "n,,n=alice,r=x", "y,,n=alice,r=x", ",", "c=biws", "p=,a=", "=2C",
      "\xff\xfe", "r=",  "m="};
  std::vector<std::unique_ptr<ServerExchange>> abandoned;
  for (int i = 0; i < 1'000; ++i) {
    auto exchange = std::make_unique<ServerExchange>("smarthost.example", users_);
    const auto message = [&] {
      std::string text = pieces[random() % pieces.size()] + pieces[random() % pieces.size()];
      if (random() % 8 == 0) text.append(random() % 2'500, static_cast<char>(random()));
      return text;
    };
    const auto initial = random() % 3 == 0 ? std::nullopt : std::optional(message());
    ServerStep step = exchange->begin(mechanisms[random() % mechanisms.size()], initial);
    for (int turn = 0; turn < 3 && std::holds_alternative<Ask>(step); ++turn)
      step = exchange->answer(message());
    EXPECT_NE(word_of(step), "accepted");
    if (std::holds_alternative<Ask>(step)) abandoned.push_back(std::move(exchange));
    if (abandoned.size() > 20) abandoned.erase(abandoned.begin());
  }
}

}  // namespace
}  // namespace postern::auth
