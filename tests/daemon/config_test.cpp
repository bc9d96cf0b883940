#include "daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config_sections.h"
#include "read_config.h"

namespace postern::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Configuration, TrustsNobodyByAddressWhereMynetworksIsEmpty) {
  EXPECT_TRUE(good(with_tls("[access]\nmynetworks = []")).mynetworks.empty());
}

TEST(Configuration, HasADefaultForEverythingButTheCertificate) {
  const Config config = good(with_tls(""));
  EXPECT_EQ(config.hostname, "smarthost.office.example");
  ASSERT_EQ(config.listeners.size(), 2U);
  EXPECT_THAT(config.listeners[0].addresses, ElementsAre("0.0.0.0:587", "[::]:587"));
  EXPECT_EQ(config.listeners[0].tls, frames::ListenerTls::starttls);
  EXPECT_THAT(config.listeners[1].addresses, ElementsAre("0.0.0.0:465", "[::]:465"));
  EXPECT_EQ(config.listeners[1].tls, frames::ListenerTls::implicit);
  ASSERT_EQ(config.mynetworks.size(), 2U);  // behaviour 32: loopback only
  EXPECT_EQ(config.mynetworks[0].text(), "127.0.0.0/8");
  EXPECT_EQ(config.mynetworks[1].text(), "::1");
  EXPECT_THAT(config.mechanisms, ElementsAre("PLAIN", "LOGIN", "SCRAM-SHA-256"));
  EXPECT_EQ(config.domain, "office.example");
  EXPECT_EQ(config.users_file, "/etc/postern/users");
  EXPECT_EQ(config.queue_directory, "/var/spool/postern");
  EXPECT_EQ(config.first_retry, std::chrono::minutes(5));
  EXPECT_EQ(config.max_retry, std::chrono::hours(1));
  EXPECT_EQ(config.warn_after, std::chrono::hours(4));
  EXPECT_EQ(config.expire, std::chrono::hours(120));
  EXPECT_EQ(config.queue_max_size, 0U);
  EXPECT_EQ(config.queue_reserve, 0U);
  EXPECT_TRUE(config.routes.empty());
  EXPECT_EQ(config.smtp_port, 25);
  EXPECT_EQ(config.message_size, 50U * 1024 * 1024);
  EXPECT_EQ(config.smtpd_workers, 2U);
  EXPECT_TRUE(config.hide_client);
  EXPECT_FALSE(config.deliver_to_private);
  EXPECT_FALSE(config.selftest.at_start);
  EXPECT_EQ(config.selftest.returns, "127.0.0.1:2526");
  EXPECT_TRUE(config.selftest.targets.empty());
}

TEST(Configuration, ListensOnIpv6OnlyWhereThereIsIpv6) {
  Machine machine = office_machine();
  machine.has_ipv6 = false;
  const Read result = read(with_tls(""), machine);
  EXPECT_THAT(result.config.listeners[0].addresses, ElementsAre("0.0.0.0:587"));
}

TEST(Configuration, TakesRelativePathsFromItsOwnFolder) {
  const Config config =
      good(with_tls("[queue]\ndirectory = \"../spool\"\n[control]\nsocket = \"/run/p.sock\""));
  EXPECT_EQ(config.certificate_file, "/etc/postern/cert.pem");
  EXPECT_EQ(config.queue_directory, "/etc/spool");
  EXPECT_EQ(config.control_socket, "/run/p.sock");
}

TEST(Configuration, TakesEveryKey) {
  const Config config = good(R"(
hostname = "Smarthost.Office.Example"
[[listener]]
address = ["127.0.0.1:2587", "[::1]:2587"]
tls = "starttls"
auth = "required"
[[listener]]
address = "127.0.0.1:2525"
tls = "none"
auth = "none"
[tls]
certificate = "cert.pem"
private_key = "key.pem"
[access]
mynetworks = ["192.168.1.0/24", "10.1.2.3"]
trusted_despite = "192.168.1.0/24"
[auth]
users = "people"
mechanisms = ["SCRAM-SHA-256"]
[submission]
hide_client = false
[queue]
directory = "spool"
first_retry = "1s"
max_retry = "2s"
warn_after = "10s"
expire = "1m"
max_size = "1GiB"
reserve = "100MiB"
[[route]]
recipient_domains = ["Partner.example", ".partner.example"]
sender_domains = ["office.example"]
users = ["alice"]
via = "mx"
[[route]]
via = ["smtp+starttls://a.example", "smtps://b.example"]
user = "office"
password_file = "password"
[delivery]
smtp_port = 2525
connections = 3
tls_ca_file = "roots.pem"
deliver_to_private = true
[dns]
resolvers = ["127.0.0.1", "[::1]:5353"]
[limits]
message_size = "1MiB"
recipients = 200
connections = 300
connections_per_ip = 30
smtpd_processes = 1
[control]
socket = "control.sock"
[sandbox]
mode = "off"
[selftest]
at_start = true
returns = "[::1]:2600"
targets = ["Smarthost.office.example:25", "[2001:db8::25]:465", "192.0.2.25:2525"]
)");
  EXPECT_EQ(config.hostname, "smarthost.office.example");
  EXPECT_EQ(config.listeners.at(0).auth, mail::AuthPolicy::required);
  EXPECT_EQ(config.listeners.at(1).tls, frames::ListenerTls::none);
  EXPECT_EQ(config.mynetworks.at(1).text(), "10.1.2.3");
  EXPECT_EQ(config.users_file, "/etc/postern/people");
  EXPECT_EQ(config.warn_after, std::chrono::seconds(10));
  EXPECT_THAT(config.routes.at(0).route.recipient_domains,
              ElementsAre("partner.example", ".partner.example"));
  EXPECT_TRUE(config.routes.at(0).route.via.empty());
  EXPECT_EQ(config.routes.at(1).route.via.at(1).host, "b.example");
  EXPECT_EQ(config.routes.at(1).route.via.at(1).user, "office");
  EXPECT_EQ(config.routes.at(1).password_file, "/etc/postern/password");
  EXPECT_THAT(config.resolvers, ElementsAre("127.0.0.1:53", "[::1]:5353"));
  EXPECT_EQ(config.connections_per_ip, 30U);
  EXPECT_EQ(config.sandbox, SandboxMode::off);
  EXPECT_FALSE(config.hide_client);
  EXPECT_TRUE(config.selftest.at_start);
  EXPECT_EQ(config.selftest.returns, "[::1]:2600");
  ASSERT_EQ(config.selftest.targets.size(), 3U);
  EXPECT_EQ(config.selftest.targets[0].host, "smarthost.office.example");
  EXPECT_EQ(config.selftest.targets[0].port, 25);
  EXPECT_EQ(config.selftest.targets[1].host, "2001:db8::25");
  EXPECT_EQ(config.selftest.targets[2].port, 2525);
}

TEST(Configuration, SaysWhereAKeyIsWrongAndWhatHelps) {
  const BadRow rows[] = {
      // Syntax: nothing else is said, as nothing else is known.
      {"hostname = ", 1, 12, "", "", "syntax"},
      {"[limits]\nrecipients = 100\nrecipients = 200", 3, 14, "", "redefine", "syntax"},
      // Unknown keys.
      {"hostnam = \"a.example\"", 1, 1, "hostnam", "no such key", "did you mean hostname?"},
      {"[limit]\nrecipients = 100", 1, 2, "limit", "no such section", "did you mean limits?"},
      {"[queue]\nmax_rety = \"1h\"", 2, 1, "queue.max_rety", "no such key",
       "did you mean max_retry?"},
      {"[queue]\nmessage_size = \"1MiB\"", 2, 1, "queue.message_size", "no such key",
       "belongs to [limits]"},
      {"[auth]\nhostname = \"a.example\"", 2, 1, "auth.hostname", "no such key",
       "above the first [section]"},
      {"[dns]\nzzz = 1", 2, 1, "dns.zzz", "no such key", "known are resolvers"},
      {"[[listener]]\naddress = \"127.0.0.1:1\"\nTLS = \"none\"", 3, 1, "listener.TLS",
       "no such key", "tls"},
      // Wrong types.
      {"hostname = 5", 1, 12, "hostname", "bare number", "in quotes"},
      {"limits = 5", 1, 10, "limits", "bare number", "[limits]"},
      {"[route]\nvia = \"mx\"", 1, 1, "route", "a section", "[[route]]"},
      {"[limits]\nrecipients = \"1000\"", 2, 14, "limits.recipients", "in quotes", "whole number"},
      {"[limits]\nrecipients = 1.5", 2, 14, "limits.recipients", "decimal", "whole number"},
      {"[submission]\nhide_client = \"yes\"", 2, 15, "submission.hide_client", "in quotes",
       "true or false"},
      {"[access]\nmynetworks = [\"10.1.0.0/16\", 5]", 2, 30, "access.mynetworks", "bare number",
       "list of texts"},
      {"[auth]\nmechanisms = []", 2, 14, "auth.mechanisms", "empty", "leave the key out"},
      {"[access]\nmynetworks = {}", 2, 14, "access.mynetworks", "a section", "list of texts"},
      {"hostname = \"\"", 1, 12, "hostname", "empty", "leave the key out"},
      {"[auth]\nusers = \"a\\nb\"", 2, 9, "auth.users", "control character", "one line"},
      // Amounts.
      {"[queue]\nexpire = 5", 2, 10, "queue.expire", "bare number", "unit"},
      {"[queue]\nexpire = \"5\"", 2, 10, "queue.expire", "\"5\" has no unit", "\"5m\""},
      {"[queue]\nexpire = \"5w\"", 2, 10, "queue.expire", "unknown unit", "\"5m\""},
      {"[limits]\nmessage_size = 50", 2, 16, "limits.message_size", "bare number", "unit"},
      {"[limits]\nmessage_size = \"1KiB\"", 2, 16, "limits.message_size", "out of range",
       "64 KiB to 1 GiB"},
      // Impossible values.
      {"[limits]\nrecipients = 99", 2, 14, "limits.recipients", "99 is out of range",
       "from 100 to"},
      {"[limits]\nconnections = 10\nconnections_per_ip = 11", 3, 22, "limits.connections_per_ip",
       "11", "1 to 10"},
      {"[delivery]\nsmtp_port = 65536", 2, 13, "delivery.smtp_port", "out of range", "1 to 65535"},
      {"[queue]\nfirst_retry = \"2h\"\nmax_retry = \"1h\"", 3, 13, "queue.max_retry", "shorter",
       "longer"},
      {"[queue]\nmax_size = \"1MiB\"", 2, 12, "queue.max_size", "out of range", "16 MiB to"},
      {"[queue]\nexpire = \"1m\"", 2, 10, "queue.expire", "nothing would be tried twice", "longer"},
      {"[queue]\nexpire = \"1h\"\nwarn_after = \"2h\"", 3, 14, "queue.warn_after", "nobody",
       "shorter"},
      {"[sandbox]\nmode = \"best_effort\"", 2, 8, "sandbox.mode", "not known",
       "did you mean \"best-effort\"?"},
      {"[dns]\nresolvers = [\"one.example\"]", 2, 14, "dns.resolvers", "no IP address",
       "127.0.0.1:53"},
      {"[auth]\nmechanisms = [\"CRAM-MD5\"]", 2, 15, "auth.mechanisms", "not known",
       "SCRAM-SHA-256"},
      {"[control]\nsocket = "
       "\"/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
       2, 10, "control.socket", "too long", "107"},
      // Not built yet.
      {"[dns]\ntrust_ad = true", 2, 12, "dns.trust_ad", "not in this version", "remove"},
      {"[sandbox]\nmode = \"required\"", 2, 8, "sandbox.mode", "not in this version",
       "best-effort"},
  };
  for (const BadRow& row : rows) expect_the_one_error(row, with_tls(row.text));
}

TEST(Hostname, MustBeOneThatOtherServersAccept) {
  const BadRow rows[] = {
      {"hostname = \"localhost\"", 1, 12, "hostname", "\"localhost\" is no full name",
       "smarthost.office.example"},
      {"hostname = \"localhost.localdomain\"", 1, 12, "hostname", "no full name", "smarthost"},
      {"hostname = \"smarthost\"", 1, 12, "hostname", "no full name", "smarthost"},
      {"hostname = \"192.0.2.1\"", 1, 12, "hostname", "192.0.2.1", "smarthost"},
      {"hostname = \"a b.example\"", 1, 12, "hostname", "a b.example", "smarthost"},
      {"hostname = \"a.example.\"", 1, 12, "hostname", "a.example.", "smarthost"},
  };
  for (const BadRow& row : rows) expect_the_one_error(row, with_tls(row.text));
}

TEST(Hostname, OfTheMachineMustBeAFullOneToo) {
  Machine machine = office_machine();
  machine.full_name = [] { return std::string("box"); };
  const Read result = read(with_tls(""), machine);
  ASSERT_EQ(result.errors.size(), 1U) << all_texts(result.errors);
  EXPECT_THAT(result.errors[0].what, HasSubstr("\"box\""));
}

TEST(Hostname, MayBeShortWhileNoMailLeavesTheMachine) {
  const std::string here =
      "hostname = \"localhost\"\n[[listener]]\naddress = \"127.0.0.1:2587\"\n[[route]]\nvia = "
      "\"smtp://127.0.0.1:2525\"\n";
  const Read result = read(with_tls(here));
  EXPECT_EQ(all_texts(result.errors), "");
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_EQ(result.warnings[0].key, "hostname");

  for (const char* also :
       {"[[listener]]\naddress = \"0.0.0.0:2525\"\n", "[[route]]\nvia = \"smtp://relay.example\"\n",
        "[[route]]\nvia = \"mx\"\n"}) {
    EXPECT_EQ(read(with_tls(here + also)).errors.size(), 1U) << also;
  }
}

TEST(Listener, IsRefusedWhereItCouldNotWork) {
  const BadRow rows[] = {
      {"[[listener]]\ntls = \"starttls\"", 1, 1, "listener.address", "missing", "0.0.0.0:587"},
      {"[[listener]]\naddress = \"587\"", 2, 11, "listener.address", "no IP address",
       "0.0.0.0:587"},
      {"[[listener]]\naddress = \"::1:587\"", 2, 11, "listener.address", "brackets", "[::]:587"},
      {"[[listener]]\naddress = \"127.0.0.1:0\"", 2, 11, "listener.address", "port 0",
       "0.0.0.0:587"},
      {"[[listener]]\naddress = [\"127.0.0.1:1\", \"127.0.0.1:1\"]", 2, 27, "listener.address",
       "already", "remove"},
      {"[[listener]]\naddress = \"0.0.0.0:1\"\n[[listener]]\naddress = \"127.0.0.1:1\"", 4, 11,
       "listener.address", "already listened on, by 0.0.0.0:1", "remove"},
      {"[[listener]]\naddress = \"127.0.0.1:1\"\ntls = \"tls\"", 3, 7, "listener.tls", "not known",
       "\"starttls\""},
      // Behaviour 19, and design 4: AUTH never in the clear, with no switch that allows it.
      {"[[listener]]\naddress = \"127.0.0.1:1\"\ntls = \"none\"\nauth = \"required\"", 4, 8,
       "listener.auth", "never taken without TLS", "starttls"},
  };
  for (const BadRow& row : rows) expect_the_one_error(row, with_tls(row.text));
}

TEST(Listener, MayHaveTheSamePortOfBothFamilies) {
  good(with_tls("[[listener]]\naddress = [\"0.0.0.0:587\", \"[::]:587\"]"));
}

TEST(Tls, IsNeededWhereAListenerHasIt) {
  expect_the_one_error({"", 0, 0, "tls.certificate", "missing", "private_key"}, "");
  expect_the_one_error({"half", 1, 1, "tls.private_key", "missing", "both"},
                       "[tls]\ncertificate = \"c\"");
  good("[[listener]]\naddress = \"127.0.0.1:25\"\ntls = \"none\"");
}

TEST(Mynetworks, AreRefusedWhereTheyWouldOpenTheRelay) {  // behaviours 31 and 32
  const BadRow rows[] = {
      {"[access]\nmynetworks = [\"127.0.0.0/8\", \"0.0.0.0/0\"]", 2, 30, "access.mynetworks",
       "open relay", "nothing"},
      {"[access]\nmynetworks = \"::/0\"", 2, 14, "access.mynetworks", "open relay", "nothing"},
      {"[access]\nmynetworks = \"::ffff:0.0.0.0/96\"", 2, 14, "access.mynetworks", "open relay",
       "nothing"},
      {"[access]\nmynetworks = \"0.0.0.0/0\"\ntrusted_despite = \"0.0.0.0/0\"", 2, 14,
       "access.mynetworks", "open relay", "nothing overrides"},
      {"[access]\nmynetworks = [\"11.0.0.0/8\", \"12.0.0.0/8\"]", 2, 14, "access.mynetworks",
       "together", "nothing"},
      {"[access]\nmynetworks = \"192.168.1.0/24\"", 2, 14, "access.mynetworks", "gateway",
       "trusted_despite = [\"192.168.1.0/24\"]"},
      {"[access]\nmynetworks = \"192.168.1.5/24\"", 2, 14, "access.mynetworks",
       "bits behind its prefix", "192.0.2.0"},
      {"[access]\nmynetworks = \"office\"", 2, 14, "access.mynetworks", "not an IP address",
       "192.0.2.0"},
      {"[access]\ntrusted_despite = \"10.0.0.0/8\"", 2, 19, "access.trusted_despite",
       "not in mynetworks", "remove"},
  };
  for (const BadRow& row : rows) expect_the_one_error(row, with_tls(row.text));
}

TEST(Mynetworks, AreTrustedWhereTheyAreNamedOnceMore) {
  good(
      with_tls("[access]\nmynetworks = [\"192.168.1.0/24\", \"203.0.113.0/28\"]\n"
               "trusted_despite = [\"::ffff:192.168.1.0/120\", \"203.0.113.0/28\"]"));
}

TEST(Mynetworks, AreNotTrustedByTheNameOfAnother) {
  const std::string text =
      "[access]\nmynetworks = \"192.168.1.0/24\"\ntrusted_despite = \"192.168.0.0/16\"";
  const Read result = read(with_tls(text));
  ASSERT_EQ(result.errors.size(), 2U) << all_texts(result.errors);
  EXPECT_EQ(result.errors[0].key, "access.mynetworks");
  EXPECT_EQ(result.errors[1].key, "access.trusted_despite");
}

TEST(Route, NeverSendsAPasswordToAnUnverifiedServer) {  // behaviour 77
  const std::string login = "user = \"u\"\npassword_file = \"p\"\n";
  expect_the_one_error({"clear", 2, 7, "route.via", "never sent so", "smtp+starttls://"},
                       with_tls("[[route]]\nvia = \"smtp://relay.example\"\n" + login));
  expect_the_one_error(
      {"one of two", 2, 7, "route.via", "never sent so", "smtp+starttls://"},
      with_tls("[[route]]\nvia = [\"smtps://a.example\", \"smtp://127.0.0.1\"]\n" + login));
  expect_the_one_error(
      {"unverified", 3, 14, "route.tls_verify", "unverified server", "remove"},
      with_tls("[[route]]\nvia = \"smtps://relay.example\"\ntls_verify = false\n" + login));
}

TEST(Route, IsRefusedWhereItCouldNotWork) {
  const BadRow rows[] = {
      {"[[route]]\nusers = \"alice\"", 1, 1, "route.via", "missing", "\"mx\""},
      {"[[route]]\nvia = \"relay.example\"", 2, 7, "route.via", "scheme", "smtps://"},
      {"[[route]]\nvia = \"smtps://u:p@relay.example\"", 2, 7, "route.via", "password_file",
       "smtps://"},
      {"[[route]]\nvia = [\"smtps://relay.example\", \"mx\"]", 2, 33, "route.via", "stands alone",
       "remove"},
      {"[[route]]\nvia = \"mx\"\nrecipient_domains = \"a@b.example\"", 3, 21,
       "route.recipient_domains", "a@b.example", "\".example.com\""},
      {"[[route]]\nvia = \"mx\"\nsender_domains = \".\"", 3, 18, "route.sender_domains", "\".\"",
       "example.com"},
      {"[[route]]\nvia = \"smtps://a.example\"\nuser = \"u\"", 3, 8, "route.user", "no password",
       "password_file"},
      {"[[route]]\nvia = \"smtps://a.example\"\npassword_file = \"p\"", 3, 17,
       "route.password_file", "no use", "user"},
      {"[[route]]\nvia = \"mx\"\nuser = \"u\"\npassword_file = \"p\"", 3, 8, "route.user", "MX",
       "remove"},
  };
  for (const BadRow& row : rows) expect_the_one_error(row, with_tls(row.text));
}

TEST(Route, WarnsOfWhatWorksButIsHardlyMeant) {
  const Read result = read(with_tls(
      "[[route]]\nvia = \"smtps://a.example\"\ntls_verify = false\n[[route]]\nvia = \"mx\""));
  EXPECT_EQ(all_texts(result.errors), "");
  ASSERT_EQ(result.warnings.size(), 2U);
  EXPECT_EQ(result.warnings[0].key, "route.tls_verify");
  EXPECT_THAT(result.warnings[1].what, HasSubstr("never used"));
}

TEST(Configuration, ShowsAllErrorsAtOnceInTheirOrder) {
  const Read result = read(
      "hostname = \"localhost\"\n[limits]\nrecipients = 1\nconnection = 5\n[queue]\nexpire = "
      "\"5\"\n");
  EXPECT_EQ(all_texts(result.errors),
            "/etc/postern/postern.toml: tls.certificate: is missing: a listener has TLS (all have, "
            "where no "
            "[[listener]] says otherwise): name certificate and private_key; or set tls = "
            "\"none\", and then nobody "
            "can log in there\n"
            "/etc/postern/postern.toml:1:12: hostname: \"localhost\" is no full name: other "
            "servers refuse mail from "
            "it: write the full name of this machine: hostname = \"smarthost.office.example\"\n"
            "/etc/postern/postern.toml:3:14: limits.recipients: 1 is out of range: choose from 100 "
            "to 3000\n"
            "/etc/postern/postern.toml:4:1: limits.connection: there is no such key: did you mean "
            "connections?\n"
            "/etc/postern/postern.toml:6:10: queue.expire: \"5\" has no unit: write a number with "
            "its unit (s, m, h, "
            "d), such as \"5m\"\n");
}

TEST(Configuration, BoundsWhatItKeepsAndShows) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "key" + std::to_string(i) + " = 1\n";
  EXPECT_EQ(read(with_tls(many)).errors.size(), Findings::max_each);

  const Read result = read(with_tls("[sandbox]\nmode = \"" + std::string(4000, 'x') + "\""));
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_LT(result.errors[0].what.size(), 200U);
  EXPECT_EQ(read(with_tls("[sandbox]\nmode = \"" + std::string(5000, 'x') + "\"")).errors.size(),
            1U);

  std::string networks = "[access]\nmynetworks = [";
  for (int i = 0; i < 1001; ++i) networks += "\"127.0.0.1\",";
  EXPECT_EQ(read(with_tls(networks + "]")).errors.size(), 1U);
}

TEST(Configuration, ShowsNoControlCharactersOfTheFile) {
  const Read result = read(with_tls("\"\\u001b[2J\" = 1"));
  ASSERT_EQ(result.errors.size(), 1U);
  EXPECT_EQ(result.errors[0].key, "?[2J");
}

TEST(Configuration, NamesAFileThatCannotBeRead) {
  for (const char* file : {"/nonexistent/postern.toml", "/tmp"}) {
    const LoadedConfig loaded = load_config(file);
    const auto* errors = std::get_if<std::vector<ConfigError>>(&loaded);
    ASSERT_NE(errors, nullptr) << file;
    ASSERT_EQ(errors->size(), 1U);
    EXPECT_THAT(errors->front().what, HasSubstr("cannot be read"));
  }
}

TEST(ExampleConfiguration, IsRightAndItsCommentsAreToo) {
  std::ifstream file(TEST_DATA "/../etc/postern.toml");
  std::string plain, uncommented;
  for (std::string line; std::getline(file, line);) {
    plain += line + "\n";
    // `# key = ...` and `# [[section]]` are examples; prose is indented further, or has no `=` so early.
    const bool is_example = line.starts_with("# [[") ||
                            (line.starts_with("# ") && line[2] != ' ' && line.find(" = ") < 25);
    uncommented += (is_example ? line.substr(2) : line) + "\n";
  }
  ASSERT_FALSE(plain.empty());
  good(plain);

  const Read result = read(uncommented);
  EXPECT_EQ(all_texts(result.errors), "");
  EXPECT_EQ(result.config.listeners.size(), 2U);
  EXPECT_EQ(result.config.routes.size(), 2U);
}

}  // namespace
}  // namespace postern::daemon
