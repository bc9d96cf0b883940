// STARTTLS and AUTH on the client's side: what is sent to whom, and when nothing is sent at all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "certificate.h"
#include "delivery/bench.h"

namespace postern::delivery {
namespace {

using frames::HopTls;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::string transaction =
    "C: MAIL FROM:*\nS: 250 ok\nC: RCPT TO:*\nS: 250 ok\nC: DATA\nS: 354 go on\ncontent\n"
    "S: 250 2.0.0 taken\n";
const std::string again = "C: EHLO client.test\nS: 250 mx.test\n";
const std::string upgrade = hello({"STARTTLS"}) + "C: STARTTLS\nS: 220 go\ntls\n" + again;
const std::string clear = hello({}) + transaction;

struct Certificates {
  tests::Certificate good{"IP:127.0.0.1,DNS:localhost"};
  tests::Certificate wrong_name{"DNS:other.test"};
  tests::Certificate untrusted{"IP:127.0.0.1"};
};
const Certificates& certificates() {
  static const Certificates made;
  return made;
}
net::SslContext server_context(const tests::Certificate& certificate) {
  return *net::server_tls(certificate.pem(), certificate.key_pem());
}
// Trusts the good certificate and the one with the wrong name: so only its name is wrong.
std::string trusted_file() {
  static const std::string file = [] {
    const std::string name = testing::TempDir() + "postern-trusted-" + std::to_string(::getpid());
    std::FILE* out = std::fopen(name.c_str(), "w");
    std::fputs((certificates().good.pem() + certificates().wrong_name.pem()).c_str(), out);
    std::fclose(out);
    return name;
  }();
  return file;
}

class Tls : public testing::Test {
 protected:
  static void TearDownTestSuite() { std::remove(trusted_file().c_str()); }
};

TEST_F(Tls, FollowsThePolicyOfTheHop) {
  struct Row {
    const char* why;
    HopTls policy;
    const tests::Certificate* certificate;
    std::vector<std::string> scripts;
    std::string outcome;
    std::string hindrance;
    std::string tls;
  };
  const auto& [good, wrong_name, untrusted] = certificates();
  const std::string taken = "delivered 250 2.0.0";
  const std::string broken = hello({"STARTTLS"}) + "C: STARTTLS\nS: 220 go\nclose\n";
  const std::string no_tls_there =
      hello({"STARTTLS"}) + "C: STARTTLS\nS: 220 go\nsomething\nS: this is no TLS\nhang\n";
  const std::string refused = hello({"STARTTLS"}) + "C: STARTTLS\nS: 454 not now\n";
  const std::vector<Row> rows = {
      {"opportunistic, offered",
       HopTls::opportunistic,
       &untrusted,
       {upgrade + transaction},
       taken,
       "none",
       "unverified"},
      {"opportunistic, wrong name",
       HopTls::opportunistic,
       &wrong_name,
       {upgrade + transaction},
       taken,
       "none",
       "unverified"},
      {"opportunistic, not offered", HopTls::opportunistic, &good, {clear}, taken, "none", ""},
      {"opportunistic, not now",
       HopTls::opportunistic,
       &good,
       {refused + transaction},
       taken,
       "none",
       ""},
      {"opportunistic, handshake closed: again in clear (76)",
       HopTls::opportunistic,
       &good,
       {broken, clear},
       taken,
       "none",
       ""},
      {"opportunistic, handshake garbage: again in clear (76)",
       HopTls::opportunistic,
       &good,
       {no_tls_there, hello({"STARTTLS"}) + transaction},
       taken,
       "none",
       ""},
      {"required, good",
       HopTls::starttls,
       &good,
       {upgrade + transaction},
       taken,
       "none",
       " verified"},
      {"required, wrong name",
       HopTls::starttls,
       &wrong_name,
       {upgrade + transaction},
       "-",
       "route",
       ""},
      {"required, not trusted",
       HopTls::starttls,
       &untrusted,
       {upgrade + transaction},
       "-",
       "route",
       ""},
      {"required, not offered (76)", HopTls::starttls, &good, {clear}, "-", "route", ""},
      {"required, not now (76)",
       HopTls::starttls,
       &good,
       {refused + transaction},
       "-",
       "route",
       ""},
      {"required, handshake closed: never in clear (76)",
       HopTls::starttls,
       &good,
       {broken, clear},
       "-",
       "unreachable",
       ""},
      {"required, handshake garbage",
       HopTls::starttls,
       &good,
       {no_tls_there, clear},
       "-",
       "unreachable",
       ""},
      {"implicit, good", HopTls::implicit, &good, {"tls\n" + clear}, taken, "none", " verified"},
      {"implicit, wrong name", HopTls::implicit, &wrong_name, {"tls\n" + clear}, "-", "route", ""},
      {"implicit, but the server speaks in clear",
       HopTls::implicit,
       &good,
       {clear},
       "-",
       "unreachable",
       ""},
      // CVE-2011-0411, on the client's side (behaviour 17).
      {"bytes behind the reply to STARTTLS, opportunistic",
       HopTls::opportunistic,
       &good,
       {hello({"STARTTLS"}) + "C: STARTTLS\nS: 220 go\nS: 250 injected\ntls\n" + again +
            transaction,
        clear},
       "-",
       "unreachable",
       ""},
      {"bytes behind the reply to STARTTLS, required",
       HopTls::starttls,
       &good,
       {hello({"STARTTLS"}) + "C: STARTTLS\nS: 220 go\nS: 250 injected\ntls\n" + again +
            transaction,
        clear},
       "-",
       "unreachable",
       ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench(trusted_file());
    FakeServer server(bench.loop, row.scripts, server_context(*row.certificate));
    const auto report = bench.deliver({relayhost_at(server.port(), row.policy)});
    EXPECT_EQ(outcome_text(report, 0), row.outcome);
    EXPECT_EQ(hindrance_name(report), row.hindrance);
    EXPECT_EQ(server.contents().size(), row.outcome == "-" ? 0 : 1);
    if (row.outcome == "-") continue;
    EXPECT_EQ(report.tls.empty(), row.tls.empty());
    EXPECT_TRUE(report.tls.ends_with(row.tls)) << report.tls;
  }
}

// What was announced in clear counts for nothing under TLS (behaviour 75).
TEST_F(Tls, ForgetsWhatWasAnnouncedInClear) {
  struct Row {
    const char* why;
    std::string second_hello;
    std::string mail;
  };
  const std::vector<Row> rows = {
      {"less is announced", "C: EHLO client.test\nS: 250-mx.test\nS: 250 SIZE\n",
       "MAIL FROM:<sender@here.test> SIZE=20"},
      {"only HELO is known", "C: EHLO client.test\nS: 502 what\nC: HELO client.test\nS: 250 ok\n",
       "MAIL FROM:<sender@here.test>"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench(trusted_file());
    FakeServer server(bench.loop,
                      {hello({"STARTTLS", "SIZE 3", "PIPELINING", "8BITMIME"}) +
                       "C: STARTTLS\nS: 220 go\ntls\n" + row.second_hello + transaction},
                      server_context(certificates().good));
    const auto report = bench.deliver({relayhost_at(server.port(), HopTls::starttls)});
    EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
    EXPECT_THAT(server.lines(), testing::Contains(row.mail));
  }
}

TEST_F(Tls, WithoutVerificationIsTakenAsItIs) {
  Bench bench(trusted_file());
  FakeServer server(bench.loop, {upgrade + transaction}, server_context(certificates().untrusted));
  auto relayhost = relayhost_at(server.port(), HopTls::starttls);
  relayhost.tls_verify = false;
  const auto report = bench.deliver({relayhost});
  EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
  EXPECT_TRUE(report.tls.ends_with(" unverified"));
}

TEST_F(Tls, TriesTheNextRelayhostWhenACertificateIsWrong) {
  Bench bench(trusted_file());
  FakeServer first(bench.loop, {upgrade}, server_context(certificates().wrong_name));
  FakeServer second(bench.loop, {upgrade + transaction}, server_context(certificates().good));
  const auto report = bench.deliver({relayhost_at(first.port(), HopTls::starttls),
                                     relayhost_at(second.port(), HopTls::starttls)});
  EXPECT_EQ(outcome_text(report, 0), "delivered 250 2.0.0");
}

// ── AUTH ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

using FromAuth = net::Channel<frames::AuthToDelivery, frames::DeliveryToAuth>;

// The auth role: gives the next of its answers to each BeginClient and Answer, and keeps what it was sent.
class FakeAuth {
 public:
  FakeAuth(Bench& bench, std::vector<frames::AuthToDelivery> answers)
      : bench_(bench), nursery_(bench.loop.get_executor()) {
    auto [ours, theirs] = net::socket_pair();
    bench.auth.connect(std::move(ours));
    channel_ = std::make_unique<FromAuth>(bench.loop.get_executor(), std::move(theirs));
    nursery_.start(serve(*channel_, std::move(answers), asked));
  }
  ~FakeAuth() {
    bench_.auth.close();
    end_all(bench_.loop, nursery_);
  }
  std::vector<frames::DeliveryToAuth> asked;

 private:
  static net::Task<> serve(FromAuth& channel, std::vector<frames::AuthToDelivery> answers,
                           std::vector<frames::DeliveryToAuth>& asked) {
    for (std::size_t next = 0;;) {
      auto frame = co_await channel.receive();
      if (!frame) co_return;
      const auto exchange = std::visit([](const auto& any) { return any.exchange; }, *frame);
      const bool is_end = std::holds_alternative<frames::CancelLogin>(*frame);
      asked.push_back(std::move(*frame));
      if (is_end || next == answers.size()) continue;
      auto answer = answers[next++];
      std::visit([&](auto& any) { any.exchange = exchange; }, answer);
      channel.send(std::move(answer));
    }
  }
  Bench& bench_;
  std::unique_ptr<FromAuth> channel_;
  net::Nursery nursery_;
};

frames::ClientStep step(std::string mechanism, std::optional<std::string> bytes) {
  return {0, std::move(mechanism), std::move(bytes)};
}

const std::string offer_auth =
    "C: EHLO client.test\nS: 250-mx.test\nS: 250 AUTH PLAIN SCRAM-SHA-256\n";
const std::string upgrade_to_auth =
    hello({"STARTTLS", "AUTH LOGIN"}) + "C: STARTTLS\nS: 220 go\ntls\n" + offer_auth;

frames::Relayhost with_user(frames::Relayhost relayhost) {
  relayhost.user = "office@provider.test";
  return relayhost;
}

TEST_F(Tls, LogsInWithTheWordsOfTheAuthRole) {
  struct Row {
    const char* why;
    std::vector<frames::AuthToDelivery> answers;
    std::string auth;  // the script's part
    std::string outcome;
    std::string hindrance;
  };
  const std::vector<frames::AuthToDelivery> plain = {step("PLAIN", "\0u\0p")};
  const std::string taken = "delivered 250 2.0.0";
  const std::vector<Row> rows = {
      {"an initial response",
       {step("PLAIN", std::string("\0u\0p", 4))},
       "C: AUTH PLAIN AHUAcA==\nS: 235 2.7.0 welcome\n",
       taken,
       "none"},
      {"an empty one is `=`",
       {step("EXTERNAL", "")},
       "C: AUTH EXTERNAL =\nS: 235 welcome\n",
       taken,
       "none"},
      {"none, and two challenges",
       {step("LOGIN", std::nullopt), step("", "user"), step("", "word")},
       "C: AUTH LOGIN\nS: 334 VXNlcm5hbWU6\nC: dXNlcg==\nS: 334 UGFzc3dvcmQ6\nC: d29yZA==\nS: 235 "
       "ok\n",
       taken,
       "none"},
      {"an empty challenge and an empty answer",
       {step("X", "a"), step("", std::nullopt)},
       "C: AUTH X YQ==\nS: 334 \nC: \nS: 235 ok\n",
       taken,
       "none"},
      {"refused", plain, "C: AUTH*\nS: 535 5.7.8 wrong\n", "-", "route"},
      {"not now (454)", plain, "C: AUTH*\nS: 454 4.7.0 later\n", "-", "unreachable"},
      {"broken", plain, "C: AUTH*\nclose\n", "-", "unreachable"},
      {"a challenge that is no base 64", plain, "C: AUTH*\nS: 334 ???\n", "-", "route"},
      {"no credential",
       {frames::ClientFailed{0, "no such credential"}},
       "C: nothing\n",
       "-",
       "route"},
      {"the server's proof is wrong",
       {step("SCRAM-SHA-256", "n,,"), frames::ClientFailed{0, "wrong signature"}},
       "C: AUTH*\nS: 334 cj0x\nC: nothing\n",
       "-",
       "route"},
      {"a mechanism with a line break in it",
       {step("PLAIN\r\nRSET", "x")},
       "C: nothing\n",
       "-",
       "route"},
      {"no answer from the auth role", {}, "C: nothing\n", "-", "unreachable"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench(trusted_file());
    FakeServer server(bench.loop, {upgrade_to_auth + row.auth + transaction},
                      server_context(certificates().good));
    FakeAuth auth(bench, row.answers);
    if (row.answers.empty()) bench.session->limits.auth_role = std::chrono::milliseconds(200);
    const auto report = bench.deliver({with_user(relayhost_at(server.port(), HopTls::starttls))});
    EXPECT_EQ(outcome_text(report, 0), row.outcome);
    EXPECT_EQ(hindrance_name(report), row.hindrance);
    ASSERT_THAT(auth.asked, Not(IsEmpty()));
    const auto& begin = std::get<frames::BeginClient>(auth.asked.front());
    EXPECT_EQ(begin.host, "127.0.0.1");
    EXPECT_EQ(begin.port, server.port());
    EXPECT_EQ(begin.user, "office@provider.test");
    EXPECT_EQ(begin.offered, "PLAIN SCRAM-SHA-256") << "of the second EHLO";
  }
}

TEST_F(Tls, ChallengesWithoutEndAreEnded) {
  Bench bench(trusted_file());
  std::string endless = "C: AUTH X YQ==\nS: 334 YQ==\n";
  std::vector<frames::AuthToDelivery> answers = {step("X", "a")};
  for (int i = 0; i < 50; ++i) {
    endless += "C: YQ==\nS: 334 YQ==\n";
    answers.push_back(step("", "a"));
  }
  FakeServer server(bench.loop, {upgrade_to_auth + endless}, server_context(certificates().good));
  FakeAuth auth(bench, answers);
  const auto report = bench.deliver({with_user(relayhost_at(server.port(), HopTls::starttls))});
  EXPECT_EQ(hindrance_name(report), "route");
  EXPECT_LE(auth.asked.size(), max_auth_steps + 2U);
}

// Behaviour 77: whatever the server says, and wherever it is.
TEST_F(Tls, IsRequiredAndVerifiedForAPassword) {
  struct Row {
    const char* why;
    HopTls policy;
    bool tls_verify;
    std::string script;
  };
  const std::vector<Row> rows = {
      {"clear", HopTls::opportunistic, true, hello({"AUTH PLAIN"}) + "C: nothing\n"},
      {"opportunistic TLS", HopTls::opportunistic, true, upgrade_to_auth + "C: nothing\n"},
      {"TLS with any certificate", HopTls::starttls, false, upgrade_to_auth + "C: nothing\n"},
      {"implicit TLS with any certificate", HopTls::implicit, false,
       "tls\n" + hello({"AUTH PLAIN"}) + "C: nothing\n"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.why);
    Bench bench(trusted_file());
    FakeServer server(bench.loop, {row.script}, server_context(certificates().good));
    FakeAuth auth(bench, {step("PLAIN", "secret")});
    auto relayhost = with_user(relayhost_at(server.port(), row.policy));
    relayhost.tls_verify = row.tls_verify;
    const auto report = bench.deliver({relayhost});
    EXPECT_EQ(hindrance_name(report), "route");
    EXPECT_THAT(report.hindrance_text, HasSubstr("verified TLS"));
    EXPECT_THAT(auth.asked, IsEmpty());
  }
}

TEST_F(Tls, NeedsAuthToBeOffered) {
  Bench bench(trusted_file());
  FakeServer server(bench.loop, {upgrade + "C: nothing\n"}, server_context(certificates().good));
  FakeAuth auth(bench, {step("PLAIN", "secret")});
  const auto report = bench.deliver({with_user(relayhost_at(server.port(), HopTls::starttls))});
  EXPECT_EQ(hindrance_name(report), "route");
  EXPECT_THAT(auth.asked, IsEmpty());
}

TEST_F(Tls, WaitsForAnAuthRoleThatIsNotThere) {
  Bench bench(trusted_file());
  FakeServer server(bench.loop, {upgrade_to_auth + "C: nothing\n"},
                    server_context(certificates().good));
  const auto report = bench.deliver({with_user(relayhost_at(server.port(), HopTls::starttls))});
  EXPECT_EQ(hindrance_name(report), "unreachable");
}

}  // namespace
}  // namespace postern::delivery
