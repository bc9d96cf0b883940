#include "daemon/endpoint.h"

#include <gtest/gtest.h>

namespace postern::daemon {
namespace {

TEST(EndpointText, IsReadAndShownAlike) {
  for (const char* text : {"192.0.2.1:587", "0.0.0.0:25", "[2001:db8::1]:465", "[::]:65535"}) {
    EXPECT_EQ(parse_endpoint(text).value().text(), text);
  }
}

TEST(EndpointText, TakesADefaultPortWhereThereIsOne) {
  EXPECT_EQ(parse_endpoint("127.0.0.1", 53).value().text(), "127.0.0.1:53");
  EXPECT_EQ(parse_endpoint("[::1]", 53).value().text(), "[::1]:53");
  EXPECT_FALSE(parse_endpoint("127.0.0.1"));
}

TEST(EndpointText, MeansTheIpv4AddressThatIsMapped) {  // behaviour 31
  EXPECT_EQ(parse_endpoint("[::ffff:192.0.2.1]:25").value().text(), "192.0.2.1:25");
}

TEST(EndpointText, RefusesWhatIsNone) {
  for (const char* text : {"", ":25", "25", "localhost:25", "192.0.2.1:", "192.0.2.1:65536",
                           "192.0.2.1:-1", "192.0.2.1:25x", "192.0.2:25", "2001:db8::1:25",
                           "[192.0.2.1]:25", "[::1:25", "[::1]25", "[]:25", "[fe80::1%eth0]:25"}) {
    EXPECT_FALSE(parse_endpoint(text)) << text;
  }
}

}  // namespace
}  // namespace postern::daemon
