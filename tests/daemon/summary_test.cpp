#include "daemon/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config_sections.h"
#include "made_up_machine.h"

namespace postern::daemon {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string summary(const std::string& text) {
  Findings findings;
  const ParsedConfig parsed =
      parse_config(text, "/etc/postern/postern.toml", office_machine(), findings);
  for (const ConfigError& error : findings.errors()) ADD_FAILURE() << text_of("", error);
  return summary_of(parsed.config);
}

constexpr const char* tls = "\n[tls]\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n";

TEST(Summary, NamesNoNetworkWhereNoneIsTrusted) {
  const std::string text = summary(std::string("[access]\nmynetworks = []\n") + tls);
  EXPECT_THAT(text, Not(HasSubstr("clients in")));
  EXPECT_THAT(text, HasSubstr("users who log in"));
}

TEST(Summary, SaysWhatTheSelfTestWillDo) {
  const std::string text = summary(
      std::string(
          "[selftest]\nat_start = true\ntargets = [\"[2001:db8::1]:25\", \"a.example:25\"]\n") +
      tls);
  EXPECT_THAT(text, HasSubstr("every listener is tried"));
  EXPECT_THAT(text, HasSubstr("In addition it tries [2001:db8::1]:25 and a.example:25."));
  EXPECT_THAT(text, HasSubstr("takes no more"));
}

TEST(Summary, SaysAllInPlainWords) {
  EXPECT_EQ(summary(std::string(R"(
[[listener]]
address = ["0.0.0.0:587", "[::]:587"]
[[listener]]
address = "0.0.0.0:465"
tls = "implicit"
auth = "required"
[[route]]
recipient_domains = ["partner.example", ".partner.example"]
via = "mx"
[[route]]
via = ["smtp+starttls://a.example", "smtps://[2001:db8::1]"]
user = "office"
password_file = "password"
)") + tls),
            R"(Who may send
  0.0.0.0:587 and [::]:587 (STARTTLS) takes mail from
    - clients in 127.0.0.0/8 and ::1: without a password, with or without TLS
    - users who log in (PLAIN, LOGIN, SCRAM-SHA-256): from anywhere, after STARTTLS
  0.0.0.0:465 (TLS from the first byte) takes mail from
    - users who log in (PLAIN, LOGIN, SCRAM-SHA-256): from anywhere
    - nobody without a login, not even from mynetworks
  Everyone else is refused.
  The users are in /etc/postern/users. Each sends from the own address, and from others that `postern user list` shows.
  The address a user logs in from is kept from recipients. Addresses without a domain get @office.example.

Where mail goes
  1. Mail to partner.example or any domain below partner.example goes to the MX of each recipient's domain.
  2. All else goes to a.example:587 (STARTTLS, verified), else to [2001:db8::1]:465 (TLS, verified), logged in as office.

When a destination cannot take a message
  It is tried again after about 5 minutes, then ever less often, at least once in 1 hour.
  After 4 hours its sender is warned; after 5 days it goes back to its sender.

Limits
  A message has at most 50 MiB and 1000 recipients.
  1000 clients at a time, 100 from one address, in 2 processes; 20 connections to one destination.
  The queue takes what the disk has, and leaves a twentieth of the disk free.

Self-test
  Not at the start ([selftest] at_start). By hand: postern relay-test --self
  Its mail, to postern-self-test.invalid, comes back at 127.0.0.1:2526.

Places
  name         smarthost.office.example
  queue        /var/spool/postern
  control      /run/postern/control.sock
  certificate  /etc/postern/cert.pem
  DNS          as in /etc/resolv.conf
)");
}

struct Row {
  const char* text;
  const char* says;
  const char* why;
};

TEST(Summary, SaysWhatAListenerReallyTakes) {
  const Row rows[] = {
      {"[[listener]]\naddress = \"127.0.0.1:25\"\ntls = \"none\"",
       "no logins: a password is never taken without TLS", "optional auth without TLS is none"},
      {"[[listener]]\naddress = \"127.0.0.1:25\"\nauth = \"none\"",
       "without a password, with or without TLS", "mynetworks alone"},
      {"[submission]\nhide_client = false", "shown to recipients", "the office wants it seen"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_THAT(summary(std::string(row.text) + tls), HasSubstr(row.says));
  }
  for (const char* key : {"tls", "auth"}) {
    const std::string text =
        std::string("[[listener]]\naddress = \"127.0.0.1:25\"\n") + key + " = \"none\"";
    EXPECT_THAT(summary(text + tls), Not(HasSubstr("users"))) << key;
  }
}

TEST(Summary, SaysWhereMailReallyGoes) {
  const Row rows[] = {
      {"", "1. All mail goes to the MX", "no route"},
      {"[[route]]\nvia = \"smtp://a.example\"",
       "a.example:25 (TLS where it is offered, unverified).", "opportunistic"},
      {"[[route]]\nvia = \"smtps://a.example\"\ntls_verify = false", "(TLS, UNVERIFIED)",
       "to be seen at once"},
      {"[[route]]\nusers = [\"a\", \"b\"]\nsender_domains = \"c.example\"\nvia = "
       "\"smtps://d.example\"",
       "1. Mail by the user a or b from c.example goes to d.example:465 (TLS, verified).\n"
       "  2. All else goes to the MX",
       "what no route matches goes by MX"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    EXPECT_THAT(summary(std::string(row.text) + tls), HasSubstr(row.says));
  }
  EXPECT_THAT(
      summary(std::string("[[route]]\nvia = \"mx\"\n[[route]]\nvia = \"smtps://never.example\"") +
              tls),
      Not(HasSubstr("never.example")));
}

}  // namespace
}  // namespace postern::daemon
