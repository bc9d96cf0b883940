#include "daemon/selftest_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_sections.h"
#include "made_up_machine.h"

namespace postern::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

mail::IpAddress address(const char* text) { return mail::parse_address(text).value(); }

Config config(const std::string& text) {
  Findings findings;
  ParsedConfig parsed =
      parse_config(text + "\n[tls]\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n",
                   "/etc/postern/postern.toml", office_machine(), findings);
  for (const ConfigError& error : findings.errors()) ADD_FAILURE() << text_of("", error);
  return std::move(parsed.config);
}

std::vector<std::string> doors(const SelftestPlan& plan) {
  std::vector<std::string> texts;
  for (const frames::SelftestDoor& door : plan.settings.doors) {
    texts.push_back(door.label + " at " + door.host + (door.is_implicit ? " tls" : ""));
  }
  return texts;
}

Vantage both_families() {
  Vantage vantage;
  vantage.sources = {{address("127.83.84.1"), SourceKind::loopback},
                     {address("2001:db8:5e01::1"), SourceKind::borrowed}};
  return vantage;
}

TEST(SelftestPlan, HasEachListenerAndTargetAsADoor) {
  const Config office = config(R"(
[[listener]]
address = ["0.0.0.0:587", "[::]:587"]
[[listener]]
address = "192.0.2.2:465"
tls = "implicit"
[selftest]
targets = ["smarthost.office.example:25", "[2001:db8::25]:465"]
)");
  const SelftestPlan plan = plan_selftest(office, both_families(), {address("::1")});
  EXPECT_THAT(doors(plan), ElementsAre("0.0.0.0:587 at 127.0.0.1", "[::]:587 at ::1",
                                       "192.0.2.2:465 at 192.0.2.2 tls",
                                       "smarthost.office.example:25 at smarthost.office.example",
                                       "[2001:db8::25]:465 at 2001:db8::25 tls"));
  EXPECT_EQ(plan.source, "127.83.84.1 and 2001:db8:5e01::1");
  EXPECT_TRUE(plan.gaps.empty());
  EXPECT_EQ(plan.settings.mailbox, "relay-test@postern-self-test.invalid");
}

TEST(SelftestPlan, ReachesAListenerOnAllAddressesWhereThereIsNoLoopback) {
  const Config office = config("[[listener]]\naddress = \"[::]:587\"");
  const SelftestPlan plan =
      plan_selftest(office, both_families(), {address("192.0.2.2"), address("fd00::2")});
  EXPECT_THAT(doors(plan), ElementsAre("[::]:587 at fd00::2"));
}

TEST(SelftestPlan, SaysWhichDoorsCannotBeTried) {
  const Config office = config("[[listener]]\naddress = [\"0.0.0.0:587\", \"[::]:587\"]");
  Vantage vantage;
  vantage.why_no_v4 = "no source";
  vantage.why_no_v6 = "none either";
  const SelftestPlan plan = plan_selftest(office, vantage, {});
  EXPECT_THAT(doors(plan), ElementsAre());
  EXPECT_THAT(plan.gaps, ElementsAre("0.0.0.0:587: no source", "[::]:587: none either"));
}

TEST(SelftestPlan, HasARouteThatBringsBackWhatWasTaken) {
  const frames::Route route = selftest_route(config("[selftest]\nreturns = \"[::1]:2600\""));
  EXPECT_THAT(route.recipient_domains, ElementsAre("postern-self-test.invalid"));
  ASSERT_EQ(route.via.size(), 1U);
  EXPECT_EQ(route.via[0].host, "::1");
  EXPECT_EQ(route.via[0].port, 2600);
  EXPECT_TRUE(route.via[0].user.empty());
}

}  // namespace
}  // namespace postern::daemon
