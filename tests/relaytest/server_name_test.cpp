#include "relaytest/server_name.h"

#include <gtest/gtest.h>

namespace postern::relaytest {
namespace {

TEST(ServerName, IsTheDomainOfTheGreeting) {
  EXPECT_EQ(name_in_greeting("220 Mail.Example.NET ESMTP Postfix"), "mail.example.net");
  EXPECT_EQ(name_in_greeting("220-mail.example.net ESMTP"), "mail.example.net");
  EXPECT_EQ(name_in_greeting("220 mail.example.net"), "mail.example.net");
}

TEST(ServerName, IsNothingThatCouldSteerATrickElsewhere) {
  for (const char* greeting :
       {"", "220", "220 ", "220 localhost ESMTP", "554 mail.example.net no", "220 192.0.2.1 hello",
        "220 [192.0.2.1] hello", "220 mail.example.net@evil.example", "220 a..b>,<c.d",
        "220 .example.net", "220 example. hello", "220 ******", "220 ma\xc3\xafl.example.net"}) {
    SCOPED_TRACE(greeting);
    EXPECT_EQ(name_in_greeting(greeting), "");
  }
}

}  // namespace
}  // namespace postern::relaytest
