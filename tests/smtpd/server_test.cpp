#include "smtpd/server.h"

#include <gtest/gtest.h>

#include "smtpd/running_server.h"

namespace postern::smtpd {
namespace {

using net::Task;
using namespace std::chrono_literals;

const std::string envelope_lines =
    "EHLO c.example\nMAIL FROM:<a@office.example>\nRCPT TO:<b@elsewhere.example>";

const std::string ehlo_replies =
    "250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250-*\n250 *";

Patience quick() {
  Patience patience;
  patience.slowdown = 0s;
  return patience;
}

Task<> expect(Client& client, std::string replies) {
  for (const std::string& reply : lines_of(replies)) {
    const std::string heard = co_await client.hear();
    EXPECT_TRUE(matches(heard, reply)) << heard << " instead of " << reply;
  }
}

// Up to the reply to `RCPT`.
Task<std::unique_ptr<Client>> begin_transaction(RunningServer& running) {
  std::unique_ptr<Client> client = co_await running.connect();
  co_await expect(*client, "220 *");
  co_await client->say(envelope_lines);
  co_await expect(*client, ehlo_replies + "\n250 *\n250 *");
  co_return client;
}

Task<> begin_content(Client& client) {
  co_await client.say("DATA");
  co_await expect(client, "354 *");
}

// ── transcripts ──────────────────────────────────────────────────────────────────────────────────────────────────────

// Plays `steps` steps of it, then goes. Lines of the client that follow each other leave in one packet.
Task<> play(RunningServer& running, const Transcript& transcript, std::size_t steps) {
  std::unique_ptr<Client> client = co_await running.connect();
  std::string octets;
  for (std::size_t i = 0; i < steps; ++i) {
    const Step& step = transcript.steps[i];
    SCOPED_TRACE(transcript.name + ".txt, line " + std::to_string(step.line) + ": " + step.text);
    if (step.is_said()) {
      octets += step.text + (step.kind == Step::Kind::client ? "\r\n" : "");
      const bool is_last = i + 1 == steps || !transcript.steps[i + 1].is_said();
      if (is_last) co_await client->send(std::exchange(octets, ""));
    } else if (step.kind == Step::Kind::tls) {
      const bool is_secure = co_await client->shake_hands();
      EXPECT_TRUE(is_secure);
    } else {
      std::string heard = co_await client->hear();
      while (step.kind == Step::Kind::reply && heard.substr(3, 1) == "-") {
        heard = co_await client->hear();
      }
      const std::string expected = step.kind == Step::Kind::closed ? closed : step.text;
      EXPECT_TRUE(matches(heard, expected)) << heard;
    }
  }
  client->go();
}

class ServerTranscript : public testing::TestWithParam<Transcript> {};

TEST_P(ServerTranscript, IsSpokenOverTcp) {
  RunningServer running(quick());
  running.run([&]() -> Task<> {
    co_await running.start(GetParam());
    co_await play(running, GetParam(), GetParam().steps.size());
    co_await running.server.drain();
  });
}

// The client dies at each step in turn: only what got its 250 is in the queue, nothing stays open, nobody waits for it.
TEST_P(ServerTranscript, MayBreakOffAtEveryStep) {
  for (std::size_t steps = 0; steps <= GetParam().steps.size(); ++steps) {
    SCOPED_TRACE("broken off after " + std::to_string(steps) + " steps");
    RunningServer running(quick());
    running.run([&]() -> Task<> {
      co_await running.start(GetParam());
      co_await play(running, GetParam(), steps);
      co_await running.settle();
      co_await running.server.drain();
      co_await running.settle();
    });
    int acknowledged = 0;
    bool is_content = false;
    for (std::size_t i = 0; i < steps; ++i) {
      const Step& step = GetParam().steps[i];
      if (step.kind == Step::Kind::server && step.text.starts_with("354")) is_content = true;
      if (step.kind == Step::Kind::octets) is_content = true;
      if (step.kind == Step::Kind::client &&
          (step.text == "." || step.text.ends_with(" LAST") || step.text.ends_with(" last"))) {
        ++acknowledged;  // at most
      }
    }
    EXPECT_LE(running.queue->committed.size(), static_cast<std::size_t>(acknowledged));
    EXPECT_TRUE(running.queue->open.empty());
    EXPECT_TRUE(is_content || running.queue->envelopes.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(All, ServerTranscript, testing::ValuesIn(read_transcripts()),
                         [](const auto& one) { return one.param.name; });

// ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

class ServerTest : public testing::Test {
 protected:
  RunningServer running_{quick()};
};

TEST_F(ServerTest, PassesOnWhatItWasGiven) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->say("Subject: a\nBcc: c@d.example\n\n..\nbody\n.");
    co_await expect(*client, "250 2.0.0 Accepted as *");
  });
  ASSERT_EQ(running_.queue->committed.size(), 1U);
  const std::string& content = running_.queue->committed.front();
  EXPECT_TRUE(content.starts_with(
      "Received: from c.example ([127.0.0.1])\r\n\tby mail.example with ESMTP id "));
  EXPECT_NE(content.find("\r\n\tfor <b@elsewhere.example>;\r\n\t"), std::string::npos);
  EXPECT_EQ(content.find("Bcc"), std::string::npos);
  EXPECT_TRUE(content.ends_with("@mail.example>\r\n\r\n.\r\nbody\r\n"));
  const mail::Envelope& envelope = running_.queue->envelopes.front();
  EXPECT_EQ(mail::text_of(envelope.reverse_path), "<a@office.example>");
  ASSERT_EQ(envelope.recipients.size(), 1U);
  EXPECT_EQ(envelope.origin.client, "127.0.0.1");
  EXPECT_EQ(envelope.origin.helo, "c.example");
  EXPECT_EQ(envelope.origin.login, "");
}

TEST_F(ServerTest, PassesOnALongMessageInPieces) {
  std::string body;
  while (body.size() < 900'000) body += "line " + std::to_string(body.size()) + "\r\n";
  running_.run([&]() -> Task<> {
    co_await running_.start();
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->send("Date: x\r\nMessage-ID: y\r\n\r\n" + body + ".\r\n");
    co_await expect(*client, "250 *");
  });
  ASSERT_EQ(running_.queue->committed.size(), 1U);
  EXPECT_TRUE(running_.queue->committed.front().ends_with("\r\n\r\n" + body));
  EXPECT_LE(running_.queue->longest_chunk, frames::max_chunk);
}

TEST_F(ServerTest, PassesOnTheQueuesRefusal) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    running_.queue->manner = FakeQueue::Manner::refuses;
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->say("A: b\n.\nNOOP");
    co_await expect(*client, "452 4.3.1 the disk is full\n250 *");
  });
}

TEST_F(ServerTest, NeverTellsTheQueueOfARefusedHeader) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->say("DKIM-Signature: h=bcc\nBcc: c@d.example\n.");
    co_await expect(*client, "550 5.6.0 *");
  });
  EXPECT_TRUE(running_.queue->envelopes.empty());
}

TEST_F(ServerTest, WithdrawsAMessageThatIsRefusedOnItsWay) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->say("A: b\n\n" + std::string(100'000, 'x'));
    co_await client->say("\r.\n.");
    co_await expect(*client, "550 5.6.0 *");
    co_await running_.settle();
  });
  EXPECT_EQ(running_.queue->aborted, 1);
  EXPECT_EQ(running_.queue->commits, 0);
}

// ── other roles die ──────────────────────────────────────────────────────────────────────────────────────────────────

TEST_F(ServerTest, Says451WhileThereIsNoQueue) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    running_.queue->manner = FakeQueue::Manner::is_silent;
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->say("A: b\n.");
    while (running_.queue->commits == 0) co_await running_.settle();
    running_.queue->die();
    co_await expect(*client, "451 4.3.0 *");
    co_await client->say("MAIL FROM:<>");
    co_await expect(*client, "451 4.3.0 *");
    running_.connect_queue();
    co_await client->say("MAIL FROM:<>");
    co_await expect(*client, "451 4.3.0 *");
    running_.queue->admit({true, 1000, {}});
    co_await running_.settle();
    co_await client->say("MAIL FROM:<>\nRCPT TO:<b@elsewhere.example>\nDATA");
    co_await expect(*client, "250 *\n250 *\n354 *");
    co_await client->say(".");
    co_await expect(*client, "250 *");
  });
}

TEST_F(ServerTest, Says451WhenTheQueueIsRestartedDuringTheContent) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto client = co_await begin_transaction(running_);
    co_await begin_content(*client);
    co_await client->say("A: b\n\n" + std::string(100'000, 'x'));
    while (running_.queue->open.empty()) co_await running_.settle();
    running_.connect_queue();
    running_.queue->admit({true, 1000, {}});
    co_await client->say(std::string(100'000, 'y') + "\n.");
    co_await expect(*client, "451 4.3.0 *");
    co_await running_.settle();
  });
  EXPECT_TRUE(running_.queue->envelopes.empty()) << "the new queue knows nothing of it";
}

TEST_F(ServerTest, Says454WhenAuthDiesDuringALogin) {
  running_.run([this]() -> Task<> {
    Transcript transcript;
    transcript.tls = frames::ListenerTls::implicit;
    co_await running_.start(transcript);
    auto client = co_await running_.connect();
    std::ignore = co_await client->shake_hands();
    co_await client->say("EHLO c.example\nAUTH LOGIN");
    co_await expect(*client, "220 *\n" + ehlo_replies + "\n334 *");
    running_.auth_channel->close();
    co_await running_.settle();
    co_await client->say("ZnVu");
    co_await expect(*client, "454 4.7.0 *");
    co_await client->say("AUTH LOGIN");
    co_await expect(*client, "454 4.7.0 *");
    running_.connect_auth();
    co_await client->say("AUTH PLAIN AGZ1bgBzZWNyZXQ=");
    co_await expect(*client, "235 *");
  });
}

TEST_F(ServerTest, TellsAuthOfALoginThatWasBrokenOff) {
  running_.run([this]() -> Task<> {
    Transcript transcript;
    transcript.tls = frames::ListenerTls::implicit;
    co_await running_.start(transcript);
    auto client = co_await running_.connect();
    std::ignore = co_await client->shake_hands();
    co_await client->say("EHLO c.example\nAUTH LOGIN");
    co_await expect(*client, "220 *\n" + ehlo_replies + "\n334 *");
    client->go();
    while (running_.auth.cancelled == 0) co_await running_.settle();
  });
}

// ── at the door ──────────────────────────────────────────────────────────────────────────────────────────────────────

TEST_F(ServerTest, GreetsNobodyBeforeTheQueueHasSpoken) {
  running_.run([this]() -> Task<> {
    frames::SmtpdSettings settings = running_.settings();
    auto failure = co_await running_.server.configure(std::move(settings));
    EXPECT_FALSE(failure);
    running_.connect_queue();
    auto client = co_await running_.connect();
    bool is_greeted = false;
    net::Nursery nursery(running_.executor());
    nursery.start([](Client& waiting, bool& greeted) -> Task<> {
      std::ignore = co_await waiting.hear();
      greeted = true;
    }(*client, is_greeted));
    co_await running_.settle();
    EXPECT_FALSE(is_greeted);
    running_.queue->admit({true, 1000, {}});
    co_await nursery.join();
    EXPECT_TRUE(is_greeted);
  });
}

// Statement 16. Nobody is let in before the admission, so the early words are there at the greeting.
TEST_F(ServerTest, SendsAwayStrangersWhoDoNotWaitForTheGreeting) {
  for (const bool is_stranger : {true, false}) {
    RunningServer running(quick());
    running.run([&]() -> Task<> {
      Transcript transcript;
      transcript.is_stranger = is_stranger;
      frames::SmtpdSettings settings = running.settings(transcript);
      auto failure = co_await running.server.configure(std::move(settings));
      EXPECT_FALSE(failure);
      running.connect_queue();
      auto client = co_await running.connect();
      co_await client->say("EHLO early.example");
      running.queue->admit({true, 1000, {}});
      co_await expect(*client, is_stranger ? "554 5.5.0 *" : "220 *");
    });
  }
}

TEST_F(ServerTest, TurnsAwayMoreThanItsLimits) {
  running_.run([this]() -> Task<> {
    frames::SmtpdSettings settings = running_.settings();
    settings.connections_per_ip = 1;
    auto failure = co_await running_.server.configure(std::move(settings));
    EXPECT_FALSE(failure);
    running_.connect_queue();
    running_.queue->admit({true, 1000, {}});
    auto first = co_await running_.connect();
    co_await expect(*first, "220 *");
    auto second = co_await running_.connect();
    co_await expect(*second, "421 4.7.0 *\n(closed)");
    co_await first->say("QUIT");
    co_await expect(*first, "221 *\n(closed)");
    co_await running_.settle();
    auto third = co_await running_.connect();
    co_await expect(*third, "220 *");
  });
}

TEST_F(ServerTest, CannotStartWithABadCertificateButGoesOnWithTheOneFromBefore) {
  running_.run([this]() -> Task<> {
    frames::SmtpdSettings bad = running_.settings();
    bad.certificate_pem = "no certificate";
    auto failure = co_await running_.server.configure(std::move(bad));
    EXPECT_TRUE(failure);
    co_await running_.start();
    bad = running_.settings();
    bad.certificate_pem = "no certificate";
    failure = co_await running_.server.configure(std::move(bad));
    EXPECT_FALSE(failure);
    auto client = co_await running_.connect();
    co_await client->say("EHLO c.example\nSTARTTLS");
    co_await expect(*client, "220 *\n" + ehlo_replies + "\n220 *");
    const bool is_secure = co_await client->shake_hands();
    EXPECT_TRUE(is_secure);
  });
}

TEST_F(ServerTest, LetsOldSessionsGoOnAfterAReload) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto old = co_await running_.connect();
    co_await expect(*old, "220 *");
    frames::SmtpdSettings renamed = running_.settings();
    renamed.hostname = "new.example";
    auto failure = co_await running_.server.configure(std::move(renamed));
    EXPECT_FALSE(failure);
    auto client = co_await running_.connect();
    co_await expect(*client, "220 new.example *");
    co_await old->say("HELO c.example");
    co_await expect(*old, "250 mail.example");
  });
}

// Statement 17 (CVE-2011-0411): in one packet with STARTTLS.
TEST_F(ServerTest, NeverRunsClearBytesBehindStarttls) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto client = co_await running_.connect();
    co_await client->say(
        "HELO c.example\nEHLO c.example\nSTARTTLS\nMAIL FROM:<injected@office.example>");
    co_await expect(*client, "220 *\n250 *\n" + ehlo_replies + "\n554 5.5.0 *\n(closed)");
  });
}

TEST_F(ServerTest, StaysInStepAfterALongLine) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto client = co_await running_.connect();
    co_await client->say("NOOP " + std::string(100'000, 'x') + "\nNOOP " + std::string(5000, 'x') +
                         "\nNOOP");
    co_await expect(*client, "220 *\n500 5.5.2 *\n500 5.5.2 *\n250 *");
  });
}

// ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEST(ServerTime, EndsForASilentClient) {
  Patience patience = quick();
  patience.command = 1ms;
  RunningServer running(patience);
  running.run([&]() -> Task<> {
    co_await running.start();
    auto client = co_await running.connect();
    co_await expect(*client, "220 *\n421 4.4.2 *\n(closed)");
  });
}

// Statement 96.
TEST(ServerTime, EndsForAClientWhoseContentComesTooSlowly) {
  Patience patience = quick();
  patience.content = 1ms;
  RunningServer running(patience);
  running.run([&]() -> Task<> {
    co_await running.start();
    auto client = co_await begin_transaction(running);
    co_await begin_content(*client);
    co_await client->say("A: b");
    co_await expect(*client, "421 4.4.2 *\n(closed)");
  });
  EXPECT_EQ(running.queue->commits, 0);
}

TEST(ServerTime, EndsForAQueueThatDoesNotAnswer) {
  Patience patience = quick();
  patience.queue = 1ms;
  RunningServer running(patience);
  running.run([&]() -> Task<> {
    co_await running.start();
    running.queue->manner = FakeQueue::Manner::is_silent;
    auto client = co_await begin_transaction(running);
    co_await begin_content(*client);
    co_await client->say("A: b\n.");
    co_await expect(*client, "451 4.3.0 *");
  });
}

// ── drain (statement 94) ─────────────────────────────────────────────────────────────────────────────────────────────

TEST_F(ServerTest, DrainFinishesContentsAndSendsAllOthersAway) {
  running_.run([this]() -> Task<> {
    co_await running_.start();
    auto idle = co_await running_.connect();
    co_await expect(*idle, "220 *");
    auto between = co_await begin_transaction(running_);
    auto writing = co_await begin_transaction(running_);
    co_await begin_content(*writing);
    co_await writing->say("A: b");
    co_await running_.settle();

    net::Nursery nursery(running_.executor());
    nursery.start([](Server& server) -> Task<> { co_await server.drain(); }(running_.server));
    co_await expect(*idle, "421 4.3.2 *\n(closed)");
    co_await expect(*between, "421 4.3.2 *\n(closed)");
    auto late = co_await running_.connect();
    co_await expect(*late, "421 4.3.2 *\n(closed)");
    EXPECT_EQ(nursery.size(), 1U);

    co_await writing->say(".");
    co_await expect(*writing, "250 *\n421 4.3.2 *\n(closed)");
    co_await nursery.join();
  });
}

TEST_F(ServerTest, DrainReachesSessionsUnderTls) {
  running_.run([this]() -> Task<> {
    Transcript transcript;
    transcript.tls = frames::ListenerTls::implicit;
    co_await running_.start(transcript);
    auto client = co_await running_.connect();
    std::ignore = co_await client->shake_hands();
    co_await expect(*client, "220 *");
    co_await running_.settle();
    co_await running_.server.drain();
    co_await expect(*client, "421 4.3.2 *\n(closed)");
  });
}

}  // namespace
}  // namespace postern::smtpd
