#include "mail/network.h"

#include <gtest/gtest.h>

#include <string>

namespace postern::mail {
namespace {

using std::string_literals::operator""s;

IpAddress ip(const std::string& text) { return boost::asio::ip::make_address(text); }

struct Accepted {
  std::string text;
  std::string shown;
  unsigned prefix;
};

TEST(Network, IsReadInCidrNotation) {
  const Accepted table[] = {
      {"192.0.2.0/24", "192.0.2.0/24", 24},
      {"192.0.2.1", "192.0.2.1", 32},
      {"192.0.2.1/32", "192.0.2.1", 32},
      {"0.0.0.0/0", "0.0.0.0/0", 0},
      {"10.128.0.0/9", "10.128.0.0/9", 9},
      {"2001:DB8::/32", "2001:db8::/32", 32},
      {"2001:db8:0:0::1", "2001:db8::1", 128},
      {"::/0", "::/0", 0},
      {"::ffff:192.0.2.0/120", "192.0.2.0/24", 24},
      {"::ffff:192.0.2.1", "192.0.2.1", 32},
      {"::ffff:0:0/96", "0.0.0.0/0", 0},
  };
  for (const auto& row : table) {
    SCOPED_TRACE(row.text);
    const auto network = Network::parse(row.text);
    ASSERT_TRUE(network) << network.error().reason;
    EXPECT_EQ(network->text(), row.shown);
    EXPECT_EQ(network->prefix(), row.prefix);
    EXPECT_EQ(*Network::parse(network->text()), *network);
  }
}

struct Refused {
  std::string text;
  const char* why;
};

TEST(Network, RefusesWhatOthersMayReadDifferently) {
  const Refused table[] = {
      {"", "nothing"},
      {"/24", "no address"},
      {"192.0.2.0/", "no prefix"},
      {"192.0.2.0/33", "a prefix too long"},
      {"2001:db8::/129", "a prefix too long"},
      {"192.0.2.0/-1", "a negative prefix"},
      {"192.0.2.0/+24", "a sign"},
      {"192.0.2.0/024", "a leading zero"},
      {"192.0.2.0/24 ", "a space"},
      {"192.0.2.0/24/24", "two prefixes"},
      {"192.0.2.0/255.255.255.0", "a mask"},
      {"192.0.2.0/4294967320", "a prefix beyond 32 bits of integer"},
      {"010.0.0.1", "10.0.0.1 for some, 8.0.0.1 for others"},
      {"10.1", "a short form"},
      {"0x0a000001", "hexadecimal"},
      {"167772161", "a number"},
      {"10.0.0.1.", "a dot behind"},
      {"localhost", "a name"},
      {"fe80::1%eth0", "a zone"},
      {"[::1]", "brackets"},
      {"192.0.2.1\0x"s, "NUL and what is behind it"},
      {"::ffff:192.0.2.0/24", "a mapped network with the prefix of IPv4"},
      {"::ffff:0:0/95", "half of it is not mapped"},
  };
  for (const auto& row : table) {
    EXPECT_FALSE(Network::parse(row.text)) << row.why << ": " << row.text;
  }
}

TEST(Network, SaysHowToWriteAHostAsItsNetwork) {  // statement 31
  EXPECT_EQ(Network::parse("192.0.2.5/24").error().reason,
            "192.0.2.5/24 has bits behind its prefix: write 192.0.2.0/24");
  EXPECT_EQ(Network::parse("2001:db8::1/64").error().reason,
            "2001:db8::1/64 has bits behind its prefix: write 2001:db8::/64");
  EXPECT_EQ(Network::parse("10.0.0.1/0").error().reason,
            "10.0.0.1/0 has bits behind its prefix: write 0.0.0.0/0");
}

struct Member {
  const char* network;
  const char* address;
  bool is_in;
};

TEST(Network, ContainsItsAddressesInWhateverForm) {  // statement 31
  const Member table[] = {
      {"192.0.2.0/24", "192.0.2.0", true},
      {"192.0.2.0/24", "192.0.2.255", true},
      {"192.0.2.0/24", "192.0.3.0", false},
      {"192.0.2.0/24", "::ffff:192.0.2.7", true},
      {"192.0.2.0/24", "::ffff:192.0.3.7", false},
      {"192.0.2.0/24", "::192.0.2.7", false},
      {"192.0.2.128/25", "192.0.2.127", false},
      {"192.0.2.128/25", "192.0.2.128", true},
      {"::ffff:192.0.2.0/120", "192.0.2.7", true},
      {"192.0.2.1", "192.0.2.1", true},
      {"192.0.2.1", "192.0.2.2", false},
      {"0.0.0.0/0", "203.0.113.9", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "::ffff:203.0.113.9", false},
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"fe80::/10", "fe80::1%7", true},
      {"fe80::1", "fe80::1%7", true},
  };
  for (const auto& row : table) {
    EXPECT_EQ(Network::parse(row.network)->contains(ip(row.address)), row.is_in)
        << row.address << " in " << row.network;
  }
}

TEST(Normalised, MeansTheSameHostInOneForm) {
  EXPECT_EQ(normalised(ip("::ffff:192.0.2.1")), ip("192.0.2.1"));
  EXPECT_EQ(normalised(ip("fe80::1%7")), ip("fe80::1"));
  EXPECT_EQ(normalised(ip("2001:db8::1")), ip("2001:db8::1"));
  EXPECT_EQ(normalised(ip("192.0.2.1")), ip("192.0.2.1"));
}

}  // namespace
}  // namespace postern::mail
