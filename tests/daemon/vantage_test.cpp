#include "daemon/vantage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postern::daemon {
namespace {

using Strings = std::vector<std::string>;

Surroundings at(const Strings& mynetworks, const Strings& addresses, bool may_borrow = false) {
  Surroundings surroundings;
  for (const std::string& text : mynetworks)
    surroundings.mynetworks.push_back(mail::Network::parse(text).value());
  for (const std::string& text : addresses)
    surroundings.addresses.push_back(mail::parse_address(text).value());
  surroundings.may_borrow = may_borrow;
  return surroundings;
}

std::string text_of(const Source& source) {
  const char* kinds[] = {"loopback", "own", "borrowed"};
  return std::string(kinds[static_cast<int>(source.kind)]) + ' ' + source.address.to_string();
}

struct Row {
  Strings mynetworks;
  Strings addresses;
  bool may_borrow;
  bool is_v6;
  std::string best;  // empty: there is no source
  const char* why;
};

TEST(Vantage, IsTheLeastIntrusiveAddressOutsideMynetworks) {
  const Strings machine = {"127.0.0.1", "192.0.2.2", "::1", "fd00::2"};
  const Row rows[] = {
      {{},
       machine,
       true,
       false,
       "loopback 127.83.84.1",
       "nobody is trusted, and 127.0.0.1 has users"},
      {{"127.0.0.1/32"}, machine, true, false, "loopback 127.83.84.1", "one address is trusted"},
      {{"127.64.0.0/10"}, machine, true, false, "loopback 127.63.255.255", "before the network"},
      {{"127.0.0.0/9"}, machine, true, false, "loopback 127.128.0.0", "behind it"},
      {{"127.0.0.0/9", "127.128.0.0/9"},
       machine,
       true,
       false,
       "own 192.0.2.2",
       "all of it in halves"},
      {{"127.0.0.0/8"}, machine, true, false, "own 192.0.2.2", "the machine's own"},
      {{"127.0.0.0/8", "192.0.2.0/24"},
       machine,
       true,
       false,
       "borrowed 198.51.100.1",
       "all is trusted"},
      {{"127.0.0.0/8", "192.0.2.0/24"}, machine, false, false, "", "and nothing may be borrowed"},
      {{"127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/25"},
       machine,
       true,
       false,
       "borrowed 198.51.100.128",
       "some of the test network is trusted"},
      {{"127.0.0.0/8", "192.0.2.0/24", "198.51.100.0/24"},
       machine,
       true,
       false,
       "",
       "all of it is trusted"},
      {{"127.0.0.0/8"},
       {"127.0.0.1", "198.51.100.1"},
       true,
       false,
       "borrowed 198.51.100.2",
       "another test has borrowed one: that is nobody's own"},
      {{"127.0.0.0/8"}, {"127.0.0.1"}, false, false, "", "a machine without a network"},
      {{}, machine, true, true, "loopback ::1", "nobody is trusted"},
      {{"::1"},
       machine,
       true,
       true,
       "borrowed 2001:db8:5e00::1",
       "rather than one whose /64 has neighbours"},
      {{"::1"}, machine, false, true, "own fd00::2", "nothing may be borrowed"},
      {{"::1", "fd00::/8"}, machine, false, true, "", "all is trusted"},
      {{"::1", "2001:db8::/32"},
       machine,
       true,
       true,
       "own fd00::2",
       "all documentation is trusted"},
      {{}, {"127.0.0.1"}, false, true, "", "a machine without IPv6"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    const auto sources =
        choose_sources(row.is_v6, at(row.mynetworks, row.addresses, row.may_borrow));
    EXPECT_EQ(sources.empty() ? "" : text_of(sources.front()), row.best);
    for (const Source& source : sources) {
      EXPECT_EQ(source.address.is_v6(), row.is_v6);
      for (const std::string& network : row.mynetworks)
        EXPECT_FALSE(mail::Network::parse(network).value().contains(source.address))
            << text_of(source);
    }
  }
}

TEST(Vantage, OffersSeveralToBorrowFromThePlaceThatIsItsOwn) {
  Surroundings surroundings = at({"127.0.0.0/8"}, {}, true);
  surroundings.first = 253;
  const auto sources = choose_sources(false, surroundings);
  ASSERT_GE(sources.size(), 2U);
  EXPECT_EQ(text_of(sources[0]), "borrowed 198.51.100.254");
  EXPECT_EQ(text_of(sources[1]), "borrowed 198.51.100.1");
}

}  // namespace
}  // namespace postern::daemon
