// SCRAM-SHA-256-PLUS: a login that is tied to its TLS connection (RFC 5802, 6; RFC 9266; RFC 5929).
#include <gtest/gtest.h>

#include "auth/server_exchange.h"
#include "fixtures.h"

namespace postern::auth {
namespace {

const std::string exporter(32, 'E');
const std::string end_point(32, 'C');
constexpr const char* bare = "n=alice,r=clientnonce";

struct Row {
  const char* mechanism;
  std::string header;  // with which the client begins
  std::string
      in_proof;  // header and binding, as the client's proof covers them; empty: not reached
  const char* result;
  const char* why;
};

std::string result_of(const ServerStep& step) {
  if (std::holds_alternative<Ask>(step)) return "asks";
  if (std::holds_alternative<Proved>(step)) return "accepted";
  const auto* ended = std::get_if<Ended>(&step);
  if (ended == nullptr) return "claimed";
  return ended->result == frames::LoginResult::refused ? "refused" : "malformed";
}

class ChannelBindingTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { start_sasl(); }

  /// A whole exchange with the right password, its first message with the command or behind it.
  std::string run(const Row& row, const BindingOffer& offer, bool is_initial) {
    ServerExchange exchange("smarthost.example", users_, offer);
    const std::string first = row.header + bare;
    ServerStep step =
        exchange.begin(row.mechanism, is_initial ? std::optional(first) : std::nullopt);
    if (!is_initial) step = exchange.answer(first);
    if (!std::holds_alternative<Ask>(step)) {
      EXPECT_EQ(row.in_proof, "") << "refused at once";
      return result_of(step);
    }
    const ScramAnswer answer{bare, std::get<Ask>(step).bytes, "correct horse",
                             net::to_base64(row.in_proof)};
    return result_of(exchange.answer(answer.message()));
  }

  const std::shared_ptr<const UserTable> users_ = table_of_alice();
  const BindingOffer offer_{{exporter, end_point}, true};
};

constexpr const char* plain_scram = "SCRAM-SHA-256";
constexpr const char* plus = "SCRAM-SHA-256-PLUS";

TEST_F(ChannelBindingTest, TakesOnlyWhatIsBoundToThisConnection) {
  const Row rows[] = {
      {plus, "p=tls-exporter,,", "p=tls-exporter,," + exporter, "accepted", "as it should be"},
      {plus, "p=tls-server-end-point,,", "p=tls-server-end-point,," + end_point, "accepted",
       "the other type"},
      {plus, "p=tls-exporter,a=alice,", "p=tls-exporter,a=alice," + exporter, "accepted",
       "acting for oneself"},
      {plus, "p=tls-exporter,a=bob,", "p=tls-exporter,a=bob," + exporter, "refused",
       "statement 26: acting for someone else"},
      {plus, "p=tls-exporter,,", "p=tls-exporter,," + std::string(32, 'X'), "refused",
       "a man in the middle: the binding of another connection"},
      {plus, "p=tls-exporter,,", "p=tls-exporter,," + end_point, "refused",
       "the data of the other type"},
      {plus, "p=tls-exporter,,", "p=tls-server-end-point,," + end_point, "refused",
       "another type than announced"},
      {plus, "p=tls-exporter,,", "p=tls-exporter,," + exporter.substr(1), "refused", "too short"},
      {plus, "p=tls-exporter,,", "p=tls-exporter,," + exporter + "E", "refused", "too long"},
      {plus, "p=tls-exporter,,", "p=tls-exporter,,", "refused", "no data"},
      {plus, "p=tls-exporter,,", "n,,", "refused", "a proof that is not bound"},
      {plus, "p=tls-unique,,", "", "refused", "a type that we do not have"},
      {plus, "p=TLS-EXPORTER,,", "", "refused", "types are written in lower case"},
      {plus, "p=,,", "", "refused", "no type"},
      {plus, "p=" + std::string(1000, 'x') + ",,", "", "refused", "a long type"},
      {plus, "n,,", "", "refused", "RFC 5802, 6: this mechanism must be bound"},
      {plus, "y,,", "", "refused", "the same"},
      {plus, "x,,", "", "malformed", "no such flag"},
      {plus, "p=tls-exporter", "", "refused", "a header that does not end is of no type"},
      {plus, "p=tls-exporter,x,", "", "malformed", "no name to act for"},
      {plain_scram, "n,,", "n,,", "accepted", "a client that cannot be bound"},
      {plain_scram, "y,,", "", "refused", "a client that was told that we cannot: downgraded"},
      {plain_scram, "p=tls-exporter,,", "", "refused", "bound, but by the other mechanism"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(run(row, offer_, true), row.result) << row.why;
    EXPECT_EQ(run(row, offer_, false), row.result) << row.why << ", without initial response";
  }
}

TEST_F(ChannelBindingTest, GoesByWhatTheConnectionHas) {
  const BindingOffer no_exporter{{"", end_point}, true};
  const BindingOffer not_configured{{exporter, end_point}, false};
  const struct {
    Row row;
    const BindingOffer& offer;
  } rows[] = {
      {{plus, "p=tls-exporter,,", "", "refused", "TLS 1.2 without extended master secret"},
       no_exporter},
      {{plus, "p=tls-server-end-point,,", "p=tls-server-end-point,," + end_point, "accepted",
        "the certificate is there under TLS 1.2, too"},
       no_exporter},
      {{plain_scram, "y,,", "y,,", "accepted", "`y` is right where -PLUS is not offered"},
       not_configured},
      {{plain_scram, "n,,", "n,,", "accepted", "as is `n`"}, not_configured},
  };
  for (const auto& [row, offer] : rows) EXPECT_EQ(run(row, offer, true), row.result) << row.why;
}

// Statement 27: what is wrong with the binding says nothing about the user or the password.
TEST_F(ChannelBindingTest, RefusesUnknownUsersAndWrongPasswordsAlike) {
  for (const std::string user : {"alice", "mallory"}) {
    for (const std::string& data : {exporter, std::string(32, 'X')}) {
      const std::string first = "n=" + user + ",r=clientnonce";
      ServerExchange exchange("smarthost.example", users_, offer_);
      const ServerStep step = exchange.begin(plus, "p=tls-exporter,," + first);
      const ScramAnswer answer{first, std::get<Ask>(step).bytes, "wrong horse",
                               net::to_base64("p=tls-exporter,," + data)};
      EXPECT_EQ(result_of(exchange.answer(answer.message())), "refused") << user;
    }
  }
}

}  // namespace
}  // namespace postern::auth
