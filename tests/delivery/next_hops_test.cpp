#include "delivery/next_hops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace postern::delivery {
namespace {

using net::DnsStatus;
using testing::ElementsAre;
using testing::SizeIs;

const std::string domain = "office.test";

DnsStatus found_if(bool is_found) { return is_found ? DnsStatus::found : DnsStatus::no_data; }

MxTarget target(std::uint16_t preference, std::string host, std::vector<std::string> addresses,
                DnsStatus status = DnsStatus::found) {
  MxTarget made{{preference, std::move(host)}, {addresses.empty() ? status : DnsStatus::found, {}}};
  for (const auto& text : addresses) {
    made.addresses.records.push_back(boost::asio::ip::make_address(text));
  }
  return made;
}

// Hops as texts; or what else it comes to.
std::vector<std::string> texts_of(const NextHops& next) {
  if (auto* failed = std::get_if<mail::Failed>(&next))
    return {"failed " + failed->reply.status.text()};
  if (std::holds_alternative<Unresolved>(next)) return {"unresolved"};
  std::vector<std::string> texts;
  for (const Hop& hop : std::get<std::vector<Hop>>(next)) texts.push_back(hop.text());
  return texts;
}

MxRules rules() {
  MxRules made;
  made.hostname = "Smarthost.test";
  made.own = {Endpoint(boost::asio::ip::make_address("192.0.2.9"), 25)};
  return made;
}

TEST(MxHosts, FollowTheAnswer) {
  struct Row {
    const char* why;
    DnsStatus status;
    std::vector<net::MxRecord> records;
    std::vector<std::string> hosts;
    std::string failure;
  };
  const std::vector<Row> rows = {
      {"the best first", DnsStatus::found, {{20, "b"}, {10, "a"}, {30, "c"}}, {"a", "b", "c"}, ""},
      {"no MX: the domain itself (behaviour 56)", DnsStatus::no_data, {}, {domain}, ""},
      {"no such domain (behaviour 56)", DnsStatus::no_such_domain, {}, {}, "5.1.2"},
      {"null MX (RFC 7505, behaviour 57)", DnsStatus::found, {{0, ""}}, {}, "5.1.10"},
      {"null MX beside others means nothing", DnsStatus::found, {{0, ""}, {10, "a"}}, {"a"}, ""},
      {"no answer (behaviour 56)", DnsStatus::temporary_failure, {}, {}, "unresolved"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Random random(1);
    const MxHosts hosts = mx_hosts_of(domain, {row.status, row.records}, random);
    if (auto* failed = std::get_if<mail::Failed>(&hosts)) {
      EXPECT_EQ(failed->reply.status.text(), row.failure);
    } else if (std::holds_alternative<Unresolved>(hosts)) {
      EXPECT_EQ("unresolved", row.failure);
    } else {
      std::vector<std::string> names;
      for (const auto& record : std::get<0>(hosts)) names.push_back(record.host);
      EXPECT_EQ(names, row.hosts);
    }
  }
}

// RFC 5321, 5.1: equal preferences share the load.
TEST(MxHosts, OfEqualPreferenceAreShuffled) {
  std::set<std::string> first;
  for (unsigned seed = 0; seed < 50; ++seed) {
    Random random(seed);
    const MxHosts hosts =
        mx_hosts_of(domain, {DnsStatus::found, {{10, "a"}, {10, "b"}, {20, "c"}}}, random);
    first.insert(std::get<0>(hosts).front().host);
    EXPECT_EQ(std::get<0>(hosts).back().host, "c");
  }
  EXPECT_THAT(first, ElementsAre("a", "b"));
}

TEST(MxHosts, AreBounded) {
  std::vector<net::MxRecord> many;
  for (std::uint16_t i = 0; i < 60; ++i) many.push_back({i, "mx" + std::to_string(i)});
  Random random(1);
  EXPECT_THAT(std::get<0>(mx_hosts_of(domain, {DnsStatus::found, many}, random)),
              SizeIs(max_mx_hosts));
}

TEST(HopsByMx, FollowAddressesAndRules) {
  struct Row {
    const char* why;
    std::vector<MxTarget> targets;
    std::vector<std::string> hops;
  };
  const DnsStatus nowhere = DnsStatus::no_such_domain;
  const DnsStatus unknown = DnsStatus::temporary_failure;
  const std::vector<Row> rows = {
      {"one host's addresses before the next's; both families in turns (55, 64)",
       {target(10, "a", {"2001:db8::1", "192.0.2.1"}), target(20, "b", {"192.0.2.2"})},
       {"a[2001:db8::1]:25", "a[192.0.2.1]:25", "b[192.0.2.2]:25"}},
      {"a target that does not exist is passed over",
       {target(10, "a", {}, nowhere), target(20, "b", {"192.0.2.2"})},
       {"b[192.0.2.2]:25"}},
      {"no target exists (56)",
       {target(10, "a", {}, nowhere), target(20, "b", {}, nowhere)},
       {"failed 5.4.4"}},
      {"no target has addresses", {target(10, "a", {}, DnsStatus::no_data)}, {"failed 5.4.4"}},
      {"one is not known: wait (56)",
       {target(10, "a", {}, nowhere), target(20, "b", {}, unknown)},
       {"unresolved"}},
      {"one is not known, but another there",
       {target(10, "a", {}, unknown), target(20, "b", {"192.0.2.2"})},
       {"b[192.0.2.2]:25"}},
      {"our own name, and all no better (59)",
       {target(10, "a", {"192.0.2.1"}), target(20, "smarthost.test", {"192.0.2.7"}),
        target(20, "b", {"192.0.2.2"}), target(30, "c", {"192.0.2.3"})},
       {"a[192.0.2.1]:25"}},
      {"our own address under another name (59)",
       {target(10, "a", {"192.0.2.1"}), target(20, "b", {"192.0.2.9"})},
       {"a[192.0.2.1]:25"}},
      {"we are the best (59)",
       {target(10, "smarthost.test", {"192.0.2.7"}), target(20, "b", {"192.0.2.2"})},
       {"failed 5.4.6"}},
      {"private and loopback only (61)",
       {target(10, "a", {"127.0.0.1", "10.1.2.3", "::1"})},
       {"failed 5.4.4"}},
      {"private beside public (61)",
       {target(10, "a", {"192.168.1.1", "192.0.2.1"})},
       {"a[192.0.2.1]:25"}},
      {"private only, one not known (61)",
       {target(10, "a", {"10.0.0.1"}), target(20, "b", {}, unknown)},
       {"unresolved"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Random random(1);
    EXPECT_EQ(texts_of(hops_by_mx(domain, row.targets, rules(), random)), row.hops);
  }
}

TEST(HopsByMx, MayBePrivateWhereTheOperatorSaysSo) {
  MxRules open = rules();
  open.deliver_to_private = true;
  open.smtp_port = 2525;
  Random random(1);
  EXPECT_THAT(texts_of(hops_by_mx(domain, {target(10, "a", {"127.0.0.1"})}, open, random)),
              ElementsAre("a[127.0.0.1]:2525"));
}

// Behaviours 55 and 64.
TEST(HopsByMx, AreCappedWithoutLeavingAFamilyOut) {
  const std::vector<std::string> six = {"2001:db8::1", "2001:db8::2", "2001:db8::3",
                                        "2001:db8::4", "2001:db8::5", "2001:db8::6"};
  Random random(1);
  const NextHops next =
      hops_by_mx(domain, {target(10, "a", six), target(20, "b", {"192.0.2.2"})}, rules(), random);
  const auto texts = texts_of(next);
  EXPECT_THAT(texts, SizeIs(max_addresses));
  EXPECT_EQ(texts.back(), "b[192.0.2.2]:25");
}

TEST(IsPublic, KnowsWhereNoMxOfStrangersCanBe) {
  for (const char* text :
       {"0.0.0.0", "127.0.0.1", "127.9.9.9", "10.0.0.1", "172.16.0.1", "172.31.255.255",
        "192.168.0.1", "169.254.1.1", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::", "::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "fe80::1", "fd00::1", "ff02::1"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(mail::is_public(boost::asio::ip::make_address(text)));
  }
  for (const char* text :
       {"192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "::ffff:192.0.2.1"}) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(mail::is_public(boost::asio::ip::make_address(text)));
  }
}

TEST(HopsOfARelayhost, HaveItsPolicyAndMayBeAnywhere) {
  frames::Relayhost relayhost{frames::HopTls::starttls, "relay.test", 587, "user", true};
  net::DnsAnswer<mail::IpAddress> answer{found_if(true),
                                         {boost::asio::ip::make_address("10.0.0.1")}};
  Random random(1);
  const NextHops next = hops_of(relayhost, answer, 3, random);
  const Hop& hop = std::get<0>(next).front();
  EXPECT_EQ(hop.text(), "relay.test[10.0.0.1]:587");
  EXPECT_EQ(hop.user, "user");
  EXPECT_TRUE(hop.is_verified());
  EXPECT_TRUE(hop.is_relayhost);
  EXPECT_EQ(hop.rank, 3U);
}

// A wrong word in the configuration bounces no mail.
TEST(HopsOfARelayhost, ThatDoesNotExistKeepTheMail) {
  frames::Relayhost relayhost{frames::HopTls::starttls, "relay.test", 587, "", true};
  Random random(1);
  for (DnsStatus status :
       {DnsStatus::no_such_domain, DnsStatus::no_data, DnsStatus::temporary_failure}) {
    EXPECT_THAT(texts_of(hops_of(relayhost, {status, {}}, 0, random)), ElementsAre("unresolved"));
  }
}

}  // namespace
}  // namespace postern::delivery
