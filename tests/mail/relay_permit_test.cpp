#include "mail/relay_permit.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "mail/envelope.h"

namespace postern::mail {
namespace {

// Nobody writes a permit or an envelope down: not from nothing, not from parts.
static_assert(!std::is_default_constructible_v<RelayPermit>);
static_assert(!std::is_constructible_v<RelayPermit, IpAddress, std::optional<Identity>>);
static_assert(!std::is_constructible_v<RelayPermit, IpAddress, Identity>);
static_assert(!std::is_default_constructible_v<Seal>);
static_assert(!std::is_default_constructible_v<Envelope>);

template <class T>
concept IsWrittenDown = requires(ReversePath path) {
  T{{}, {}, path, {}, BodyType::seven_bit};
}
|| requires { T{}; }
|| requires { T(); }
|| requires(ReversePath path) { T{.reverse_path = path}; };
static_assert(!IsWrittenDown<Envelope>);

struct OpenEnvelope {  // the same without its seal: the check above can fail
  int anything = 0;
  Origin origin;
  ReversePath reverse_path;
  std::vector<Mailbox> recipients;
  BodyType body = BodyType::seven_bit;
};
static_assert(IsWrittenDown<OpenEnvelope>);

struct Case {
  AuthPolicy policy;
  const char* client;
  bool has_login;
  bool is_let_in;
  bool by_login;
  const char* why;
};

constexpr auto inside = "192.0.2.7";
constexpr auto inside_mapped = "::ffff:192.0.2.7";
constexpr auto outside = "203.0.113.9";
constexpr auto outside_mapped = "::ffff:203.0.113.9";

TEST(RelayPermit, IsGivenByOneRule) {  // statements 31 and 34
  using enum AuthPolicy;
  const Case table[] = {
      {optional, inside, false, true, false, "mynetworks is enough"},
      {optional, inside_mapped, false, true, false, "mynetworks in disguise is mynetworks"},
      {optional, inside, true, true, true, "who logs in is known by the login"},
      {optional, outside, true, true, true, "a login is enough"},
      {optional, outside_mapped, true, true, true, "a login is enough"},
      {optional, outside, false, false, false, "a stranger"},
      {optional, outside_mapped, false, false, false, "a stranger in disguise"},
      {required, inside, false, false, false, "mynetworks alone is not enough here"},
      {required, inside_mapped, false, false, false, "mynetworks alone is not enough here"},
      {required, inside, true, true, true, "a login is enough"},
      {required, outside, true, true, true, "a login is enough"},
      {required, outside, false, false, false, "a stranger"},
      {required, outside_mapped, false, false, false, "a stranger in disguise"},
      {none, inside, false, true, false, "mynetworks is enough"},
      {none, inside_mapped, false, true, false, "mynetworks in disguise is mynetworks"},
      {none, inside, true, true, false, "a login does not count here, the network does"},
      {none, outside, true, false, false, "a login does not count here"},
      {none, outside_mapped, true, false, false, "a login does not count here"},
      {none, outside, false, false, false, "a stranger"},
      {none, outside_mapped, false, false, false, "a stranger in disguise"},
  };
  const std::vector<Network> mynetworks{*Network::parse("2001:db8::/32"),
                                        *Network::parse("192.0.2.0/24")};
  for (const auto& row : table) {
    SCOPED_TRACE(row.why);
    std::optional<Identity> identity;
    if (row.has_login) identity = Identity{"alice"};
    const auto client = boost::asio::ip::make_address(row.client);
    const auto permit = relay_permit(row.policy, mynetworks, client, identity);
    ASSERT_EQ(permit.has_value(), row.is_let_in);
    if (!permit) continue;
    EXPECT_EQ(permit->identity().has_value(), row.by_login);
    EXPECT_EQ(permit->client(), client);
  }
}

TEST(RelayPermit, IsGivenToNobodyWithoutNetworksAndLogin) {
  const auto client = boost::asio::ip::make_address("127.0.0.1");
  for (auto policy : {AuthPolicy::optional, AuthPolicy::required, AuthPolicy::none}) {
    EXPECT_FALSE(relay_permit(policy, {}, client, std::nullopt));
  }
}

TEST(Envelope, NamesTheProofThatItWasMadeWith) {
  const auto client = boost::asio::ip::make_address(outside);
  const auto permit = relay_permit(AuthPolicy::required, {}, client, Identity{"alice"});
  const auto sender = *Mailbox::parse("alice@office.example");
  const auto envelope = envelope_of(*permit, "laptop", "TLSv1.3", sender, BodyType::eight_bit);
  EXPECT_EQ(envelope.origin.client, outside);
  EXPECT_EQ(envelope.origin.helo, "laptop");
  EXPECT_EQ(envelope.origin.login, "alice");
  EXPECT_EQ(envelope.origin.tls, "TLSv1.3");
  EXPECT_EQ(envelope.reverse_path, sender);
  EXPECT_TRUE(envelope.recipients.empty());
  EXPECT_EQ(envelope.body, BodyType::eight_bit);
}

TEST(Envelope, OfAReportIsFromNobodyToTheSender) {  // statement 84
  const auto sender = *Mailbox::parse("alice@office.example");
  const auto envelope = envelope_of_report(sender);
  EXPECT_EQ(envelope.reverse_path, std::nullopt);
  ASSERT_EQ(envelope.recipients.size(), 1U);
  EXPECT_EQ(envelope.recipients.front().mailbox, sender);
  EXPECT_EQ(envelope.origin.client, "");
}

}  // namespace
}  // namespace postern::mail
