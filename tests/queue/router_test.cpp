#include "queue/router.h"

#include <gtest/gtest.h>

namespace postern::queue {
namespace {

frames::Route route(const std::string& host, std::vector<std::string> recipients,
                    std::vector<std::string> senders = {}, std::vector<std::string> users = {}) {
  frames::Route route{std::move(recipients), std::move(senders), std::move(users), {}};
  if (!host.empty()) route.via.push_back({frames::HopTls::starttls, host, 587, "", true});
  return route;
}

TEST(Router, TakesTheFirstRouteThatMatches) {
  const Router router({route("", {"mx.example"}), route("sub", {".partner.example"}),
                       route("star", {"*.star.example"}), route("exact", {"partner.example"}),
                       route("sender", {}, {"sales.example"}),
                       route("both", {"b.example"}, {"a.example"}),
                       route("user", {}, {}, {"alice"}), route("all", {})});
  const struct {
    const char *sender, *login, *domain, *host, *why;
  } rows[] = {
      {"x.example", "", "mx.example", "", "a route without relayhosts means MX"},
      {"x.example", "", "a.partner.example", "sub", "a leading dot: below the domain"},
      {"x.example", "", "a.star.example", "star", "a star: the same"},
      {"x.example", "", "partner.example", "exact", "but not the domain itself"},
      {"x.example", "", "notpartner.example", "all", "and not one that merely ends alike"},
      {"sales.example", "", "any.example", "sender", "by the reverse-path's domain"},
      {"a.example", "", "b.example", "both", "all conditions must hold"},
      {"a.example", "", "c.example", "all", "one alone is not enough"},
      {"x.example", "alice", "any.example", "user", "by login"},
      {"x.example", "Alice", "any.example", "all", "a login is exact"},
      {"", "", "any.example", "all", "a bounce has no sender"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const auto& via = router.via({row.sender, row.login}, row.domain);
    EXPECT_EQ(via.empty() ? "" : via.front().host, row.host);
  }
}

TEST(Router, WithoutRoutesGoesByMx) {
  EXPECT_TRUE(Router({}).via({"a.example", ""}, "b.example").empty());
}

TEST(Router, NamesWhereMailGoes) {
  frames::Route route;
  route.recipient_domains = {"relayed.example"};
  route.via = {{frames::HopTls::starttls, "relay.example", 587, "me", true}};
  frames::Route by_mx;
  by_mx.recipient_domains = {"direct.example"};
  const Router router({route, by_mx});
  EXPECT_EQ(router.destination({}, "relayed.example"), destination_name(route.via, ""));
  EXPECT_EQ(router.destination({}, "direct.example"), "direct.example") << "a route without hops";
  EXPECT_EQ(router.destination({}, "other.example"), "other.example") << "no route";
}

TEST(DestinationName, DiffersWhereverTheWayDoes) {
  const frames::Relayhost relay{frames::HopTls::starttls, "relay.example", 587, "me", true};
  frames::Relayhost other = relay;
  other.tls = frames::HopTls::implicit;
  EXPECT_EQ(destination_name({}, "to.example"), "to.example");
  EXPECT_EQ(destination_name({relay}, "to.example"), "smtp+starttls://me@relay.example:587");
  EXPECT_NE(destination_name({relay}, ""), destination_name({other}, ""));
  EXPECT_NE(destination_name({relay, other}, ""), destination_name({other, relay}, ""));
}

}  // namespace
}  // namespace postern::queue
