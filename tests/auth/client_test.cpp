#include "auth/client.h"

#include <gtest/gtest.h>

#include "auth/server_exchange.h"
#include "fixtures.h"
#include "peer.h"

namespace postern::auth {
namespace {

using namespace std::string_literals;

class ClientTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { start_sasl(); }

  ClientTest() { start({}); }
  ~ClientTest() override { stop(); }

  void stop() {
    if (delivery_) delivery_->close();
    loop_.restart();
    loop_.run_for(std::chrono::seconds(20));
    EXPECT_EQ(nursery_.size(), 0U) << "it ends with its channel";
    delivery_.reset();
  }

  void start(ExchangeLimits limits) {
    stop();
    auto [ours, theirs] = net::socket_pair();
    loop_.restart();
    delivery_.emplace(loop_, std::move(ours));
    client_.emplace(loop_.get_executor(), std::move(theirs), credentials_, pool_, limits);
    nursery_.start(client_->serve());
  }

  static Credentials credentials_of_alice() {
    std::vector<frames::Credential> list = {{"relay.example", 587, "alice", "correct horse"}};
    Credentials credentials(list);
    EXPECT_TRUE(list[0].password.empty()) << "wiped where it was";
    return credentials;
  }

  void begin(std::uint64_t id, const std::string& offered) {
    delivery_->send(frames::BeginClient{id, "relay.example", 587, "alice", offered});
  }

  net::asio::io_context loop_{1};
  net::asio::thread_pool pool_{2};
  const Credentials credentials_ = credentials_of_alice();
  net::Nursery nursery_{loop_.get_executor()};
  std::optional<DeliveryPeer> delivery_;
  std::optional<Client> client_;
};

TEST_F(ClientTest, LogsInWithPlain) {
  begin(5, "PLAIN LOGIN");
  const auto step = delivery_->next_as<frames::ClientStep>();
  EXPECT_EQ(step.exchange, 5U);
  EXPECT_EQ(step.mechanism, "PLAIN");
  EXPECT_EQ(step.bytes, "\0alice\0correct horse"s);
}

TEST_F(ClientTest, LogsInWithLogin) {
  begin(1, "LOGIN");
  const auto first = delivery_->next_as<frames::ClientStep>();
  EXPECT_EQ(first.mechanism, "LOGIN");
  EXPECT_FALSE(first.bytes);
  delivery_->send(frames::Answer{1, "Username:"});
  EXPECT_EQ(delivery_->next_as<frames::ClientStep>().bytes, "alice");
  delivery_->send(frames::Answer{1, "Password:"});
  const auto last = delivery_->next_as<frames::ClientStep>();
  EXPECT_EQ(last.bytes, "correct horse");
  EXPECT_EQ(last.mechanism, "") << "in the first step only";
}

TEST_F(ClientTest, LogsInWithScramAtOurOwnServer) {
  ServerExchange server("relay.example", table_of_alice());
  begin(1, "PLAIN SCRAM-SHA-256 LOGIN");
  const auto first = delivery_->next_as<frames::ClientStep>();
  ASSERT_EQ(first.mechanism, "SCRAM-SHA-256");
  const ServerStep challenge = server.begin(first.mechanism, first.bytes);
  delivery_->send(frames::Answer{1, std::get<Ask>(challenge).bytes});
  const ServerStep proved = server.answer(delivery_->next_as<frames::ClientStep>().bytes.value());
  ASSERT_TRUE(std::holds_alternative<Proved>(proved));
  delivery_->send(frames::Answer{1, *std::get<Proved>(proved).last});
  EXPECT_EQ(delivery_->next_as<frames::ClientStep>().bytes, "");
}

TEST_F(ClientTest, SaysWhyItFailed) {
  const struct {
    frames::BeginClient begin;
    std::string reason;
  } rows[] = {
      {{1, "relay.example", 587, "bob", "PLAIN"},
       "no password is configured for bob at relay.example:587"},
      {{2, "relay.example", 25, "alice", "PLAIN"},
       "no password is configured for alice at relay.example:25"},
      {{3, "other.example", 587, "alice", "PLAIN"},
       "no password is configured for alice at other.example:587"},
      {{4, "relay.example", 587, "alice", "GSSAPI NTLM"},
       "the relayhost offers no mechanism that Postern knows: GSSAPI NTLM"},
  };
  for (const auto& row : rows) {
    delivery_->send(row.begin);
    const auto failed = delivery_->next_as<frames::ClientFailed>();
    EXPECT_EQ(failed.exchange, row.begin.exchange);
    EXPECT_EQ(failed.reason, row.reason);
  }
}

TEST_F(ClientTest, FailsWhenTheRelayhostAsksTooMuch) {
  begin(1, "PLAIN");
  delivery_->next_as<frames::ClientStep>();
  delivery_->send(frames::Answer{1, "and your PIN?"});
  EXPECT_EQ(delivery_->next_as<frames::ClientFailed>().reason,
            "the relayhost asks more than the mechanism allows");
}

TEST_F(ClientTest, IsSilentAboutWhatWasCancelled) {
  begin(1, "SCRAM-SHA-256");
  delivery_->send(frames::CancelLogin{1});
  begin(2, "PLAIN");
  EXPECT_EQ(delivery_->next_as<frames::ClientStep>().exchange, 2U);
}

TEST_F(ClientTest, KeepsToItsLimits) {
  start({.exchanges = 1, .idle = std::chrono::milliseconds(20)});
  begin(1, "LOGIN");
  begin(2, "LOGIN");
  EXPECT_EQ(delivery_->next_as<frames::ClientFailed>().exchange, 2U);
  EXPECT_EQ(delivery_->next_as<frames::ClientStep>().exchange, 1U);
  const auto idle = delivery_->next_as<frames::ClientFailed>();
  EXPECT_EQ(idle.exchange, 1U);
  EXPECT_EQ(idle.reason, "the relayhost took too long");
}

}  // namespace
}  // namespace postern::auth
