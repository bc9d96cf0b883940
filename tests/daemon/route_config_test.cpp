#include "daemon/route_config.h"

#include <gtest/gtest.h>

namespace postern::daemon {
namespace {

using frames::HopTls;

struct GoodUrl {
  const char* url;
  HopTls tls;
  const char* host;
  std::uint16_t port;
};

TEST(RelayhostUrl, NamesTlsHostAndPort) {
  const GoodUrl rows[] = {
      {"smtp+starttls://smtp.provider.example:2587", HopTls::starttls, "smtp.provider.example",
       2587},
      {"smtp+starttls://smtp.provider.example", HopTls::starttls, "smtp.provider.example", 587},
      {"smtps://SMTP.Provider.Example/", HopTls::implicit, "smtp.provider.example", 465},
      {"smtp://192.0.2.1", HopTls::opportunistic, "192.0.2.1", 25},
      {"smtp://[2001:db8::1]:2525", HopTls::opportunistic, "2001:db8::1", 2525},
      {"smtp://localhost:2525", HopTls::opportunistic, "localhost", 2525},
  };
  for (const GoodUrl& row : rows) {
    SCOPED_TRACE(row.url);
    const auto relayhost = parse_relayhost(row.url);
    ASSERT_TRUE(relayhost);
    EXPECT_EQ(relayhost->tls, row.tls);
    EXPECT_EQ(relayhost->host, row.host);
    EXPECT_EQ(relayhost->port, row.port);
  }
}

TEST(RelayhostUrl, RefusesWhatIsNone) {
  for (const char* url :
       {"", "smtp.provider.example", "http://provider.example", "smtp://", "smtp://:25",
        "smtp://host:0", "smtp://host:65536", "smtp://a b", "smtp://host/path",
        "smtp://[192.0.2.1]", "smtp://2001:db8::1", "smtp://192.0.2.256", "smtp://user:secret@host",
        "SMTP://host", "smtps://[host]"}) {
    EXPECT_FALSE(parse_relayhost(url)) << url;
  }
}

}  // namespace
}  // namespace postern::daemon
