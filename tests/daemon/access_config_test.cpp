#include "daemon/access_config.h"

#include <gtest/gtest.h>

#include "made_up_machine.h"

namespace postern::daemon {
namespace {

std::vector<mail::Network> networks(const std::vector<std::string>& names) {
  std::vector<mail::Network> parsed;
  for (const std::string& name : names) parsed.push_back(mail::Network::parse(name).value());
  return parsed;
}

struct OpenRow {
  std::vector<std::string> networks;
  bool is_open;
  const char* why;
};

TEST(Mynetworks, AreNeverOpenToAll) {  // behaviour 32
  std::vector<std::string> all_eighths;
  for (int i = 0; i < 256; ++i) all_eighths.push_back(std::to_string(i) + ".0.0.0/8");
  const OpenRow rows[] = {
      {{"0.0.0.0/0"}, true, "everyone"},
      {{"::/0"}, true, "everyone"},
      {{"::ffff:0:0/96"}, true, "all of IPv4, mapped"},
      {{"0.0.0.0/1", "128.0.0.0/1"}, true, "two halves"},
      {{"0.0.0.0/1"}, true, "half of it is no office either"},
      {{"::ffff:0:0/97", "::ffff:128.0.0.0/97"}, true, "two mapped halves"},
      {{"2000::/3"}, true, "all IPv6 addresses that are given out"},
      {{"::/1", "8000::/1"}, true, "two halves"},
      {{"2002::/16"}, true, "6to4: everyone with an IPv4 address"},
      {{"64:ff9b::/96"}, true, "NAT64: all of IPv4"},
      {{"64:ff9b::/97", "64:ff9b::8000:0/97"}, true, "two halves of it"},
      {{"64:ff9b::c000:200/120"}, false, "one IPv4 network, translated"},
      {all_eighths, true, "many small pieces"},
      {{"11.0.0.0/8", "12.0.0.0/8"}, true, "more than any office has"},
      {{"11.0.0.0/8"}, false, "the most an office may have"},
      {{"11.0.0.0/8", "11.0.0.0/8", "11.1.0.0/16"}, false, "what is named twice counts once"},
      {{"11.1.0.0/16", "11.0.0.0/8"}, false, "in whatever order"},
      {{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"},
       false,
       "private: wide, but not the world"},
      {{"127.0.0.0/8", "::1/128"}, false, "the default"},
      {{"203.0.113.0/28", "2001:db8:1::/48"}, false, "an office"},
      {{}, false, "nobody"},
  };
  for (const OpenRow& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_EQ(is_open_to_all(networks(row.networks)), row.is_open);
  }
}

struct DangerRow {
  const char* network;
  const char* danger;  // part of it; empty: none
  const char* why;
};

TEST(Mynetworks, AreDangerousWhereStrangersMayLookLikeTheOffice) {
  const DangerRow rows[] = {
      {"127.0.0.0/8", "", "loopback may be wide"},
      {"127.0.0.1", "", "loopback"},
      {"::1", "", "loopback"},
      {"192.168.2.0/24", "", "an office's network"},
      {"10.1.0.0/16", "", "the widest that is fine"},
      {"10.0.0.0/15", "wider than /16", "beyond an office"},
      {"10.0.0.0/8", "wider than /16", "beyond an office"},
      {"fd00:1:2::/48", "", "the widest that is fine"},
      {"fd00:1:2::/47", "wider than /48", "beyond an office"},
      {"fc00::/7", "wider than /48", "beyond an office"},
      {"203.0.113.0/24", "public", "given out by a provider"},
      {"198.51.100.7", "public", "even one address"},
      {"100.64.0.0/16", "public", "shared between a carrier's customers (RFC 6598)"},
      {"2001:db8::/64", "public", "global unicast"},
      {"::/96", "public", "none of the private ones"},
      {"192.168.1.0/24", "gateway 192.168.1.1", "NAT"},
      {"192.168.1.1", "gateway 192.168.1.1", "NAT, named"},
      {"::ffff:192.168.1.0/120", "gateway 192.168.1.1", "the same network, mapped (behaviour 31)"},
      {"fe80::/64", "gateway fe80::1", "IPv6 has NAT too"},
      {"172.17.0.0/16", "172.17.0.1, the address of docker0", "a container proxy"},
      {"172.17.0.1", "docker0", "a container proxy, named"},
      {"172.17.0.2", "", "one container"},
  };
  const Machine machine = office_machine();
  for (const DangerRow& row : rows) {
    SCOPED_TRACE(std::string(row.network) + ": " + row.why);
    const auto danger = danger_of(mail::Network::parse(row.network).value(), machine);
    EXPECT_EQ(danger.has_value(), *row.danger != '\0');
    EXPECT_NE(danger.value_or("").find(row.danger), std::string::npos) << danger.value_or("");
  }
}

}  // namespace
}  // namespace postern::daemon
