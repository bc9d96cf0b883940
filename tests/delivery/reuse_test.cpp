// Connections that carry more than one message (behaviour 80).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "delivery/bench.h"

namespace postern::delivery {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

const std::string envelope =
    "C: MAIL FROM:*\nS: 250 ok\nC: RCPT TO:*\nS: 250 ok\nC: DATA\nS: 354 go\n";
const std::string transaction = envelope + "content\nS: 250 2.0.0 taken\n";

std::string repeated(const std::string& text, unsigned times) {
  std::string all;
  for (unsigned i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Reuse, TakesTheSameConnectionForTheNextMessage) {
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + repeated(transaction, 3) + "hang\n"});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "delivered 250 2.0.0");
  }
  EXPECT_EQ(server.connections(), 1U);
  EXPECT_EQ(bench.pool.size(), 1U);
}

// A failure at reuse is no attempt, whenever it comes: a fresh connection takes its place.
TEST(Reuse, OfADeadConnectionFallsBackToAFreshOne) {
  struct Row {
    const char* why;
    std::string end;
  };
  const std::vector<Row> rows = {
      {"closed while idle", "close\n"},
      {"421 while idle, then closed", "S: 421 4.4.2 idle for too long\nclose\n"},
      {"421 at MAIL", "C: MAIL*\nS: 421 closing\n"},
      {"closed at MAIL", "C: MAIL*\nclose\n"},
      {"closed at RCPT", "C: MAIL*\nS: 250 ok\nC: RCPT*\nclose\n"},
      {"closed at DATA", "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: 250 ok\nC: DATA\nclose\n"},
      {"silent at MAIL", "C: MAIL*\nhang\n"},
      {"nonsense at MAIL", "C: MAIL*\nS: ???\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench;
    FakeServer server(bench.loop, {hello({}) + transaction + row.end, hello({}) + transaction});
    EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "delivered 250 2.0.0");
    if (row.end.ends_with("hang\n")) bench.be_impatient();
    const auto report = bench.deliver({relayhost_at(server.port())});
    EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
    EXPECT_EQ(hindrance_name(report), "none");
    EXPECT_EQ(server.connections(), 2U);
  }
}

// Behind the final dot there is no second try, reused or not: it may have arrived.
TEST(Reuse, ThatBreaksAtTheFinalDotIsDeferred) {
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction + envelope + "content\nclose\n",
                                 hello({}) + transaction});
  EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "delivered 250 2.0.0");
  EXPECT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "deferred 451 4.4.2");
  EXPECT_EQ(server.connections(), 1U);
}

TEST(Reuse, StartsWithRsetWhereATransactionWasLeftOpen) {
  Bench bench;
  FakeServer server(bench.loop,
                    {hello({}) + "C: MAIL*\nS: 250 ok\nC: RCPT*\nS: 550 no\nC: RSET\nS: 250 ok\n" +
                     transaction + "C: MAIL*\nS: 550 no\n" + transaction + "hang\n"});
  std::vector<std::string> outcomes;
  for (int i = 0; i < 4; ++i) {
    outcomes.push_back(outcome_text(bench.deliver({relayhost_at(server.port())}), 0));
  }
  EXPECT_THAT(outcomes, ElementsAre("failed 550", "delivered 250 2.0.0", "failed 550",
                                    "delivered 250 2.0.0"));
  EXPECT_EQ(server.connections(), 1U);
}

TEST(Reuse, EndsAfterAHundredMessages) {
  Bench bench;
  const std::string script =
      hello({}) + repeated(transaction, max_messages) + "C: QUIT\nS: 221 bye\n";
  FakeServer server(bench.loop, {script, script});
  for (unsigned i = 0; i <= max_messages; ++i) {
    ASSERT_EQ(outcome_text(bench.deliver({relayhost_at(server.port())}), 0), "delivered 250 2.0.0");
  }
  EXPECT_EQ(server.connections(), 2U);
}

TEST(Reuse, EndsWithQuitWhenNothingFollows) {
  Bench bench;
  TimeLimits limits = patient_limits();
  limits.idle = std::chrono::milliseconds(50);
  Pool pool(bench.loop.get_executor(), limits);
  FakeServer server(bench.loop, {hello({}) + "C: QUIT\nS: 221 bye\n"});
  Hop hop;
  hop.host = "127.0.0.1";
  hop.endpoint = Endpoint(boost::asio::ip::address_v4::loopback(), server.port());
  net::Nursery nursery(bench.loop.get_executor());
  nursery.start([](Bench& on, Pool& into, Hop to) -> net::Task<> {
    OpenedSession opened = co_await Session::open(on.session, on.auth, to, false);
    into.put(std::get<0>(std::move(opened)));
  }(bench, pool, hop));
  bench.run_until([&] { return server.lines().size() == 2; });
  EXPECT_EQ(pool.size(), 0U);
  EXPECT_EQ(pool.take({hop}), nullptr);
  bench.run_until([&] { return nursery.size() == 0; });
}

// Never one policy, user or address through another's connection.
TEST(Reuse, IsOnlyForTheSameHop) {
  Bench bench;
  FakeServer server(bench.loop, {hello({}) + transaction + "hang\n"});
  static_cast<void>(bench.deliver({relayhost_at(server.port())}));
  ASSERT_EQ(bench.pool.size(), 1U);
  Hop same;
  same.host = "127.0.0.1";
  same.endpoint = Endpoint(boost::asio::ip::address_v4::loopback(), server.port());
  same.is_relayhost = true;
  std::vector<Hop> others(6, same);
  others[0].host = "localhost";
  others[1].endpoint.port(1);
  others[2].tls = frames::HopTls::starttls;
  others[3].tls_verify = false;
  others[4].user = "user";
  others[5].is_relayhost = false;
  for (const Hop& other : others) EXPECT_EQ(bench.pool.take({other}), nullptr);
  Hop worse = same;
  worse.rank = 1;
  EXPECT_EQ(bench.pool.take({others[0], worse}), nullptr)
      << "not the best, so not without trying the best";
  EXPECT_NE(bench.pool.take({others[0], same}), nullptr) << "as good as the best";
}

}  // namespace
}  // namespace postern::delivery
