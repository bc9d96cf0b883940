// The whole role over its channels, as the supervisor, an smtpd, a delivery and `postern queue` see it.
#include "queue/role.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>

#include <cstring>
#include <thread>

#include "net/channel.h"
#include "net/checksum.h"
#include "net/frames.h"
#include "temporary_spool.h"

namespace postern::queue {
namespace {

using namespace std::chrono_literals;

// One end of a channel, used without waiting for more than one frame at a time.
template <class Out, class In>
class End {
 public:
  explicit End(net::Fd socket) : channel_(loop_.get_executor(), std::move(socket)) {}

  void send(Out frame) {
    channel_.send(std::move(frame));
    loop_.restart();
    loop_.poll();
  }
  // The next frame; nothing: the channel has ended.
  std::optional<In> receive() {
    std::optional<In> received;
    auto receive_one = [](net::Channel<Out, In>& channel, std::optional<In>& into) -> net::Task<> {
      net::Result<In> frame = co_await channel.receive();
      if (frame) into = std::move(*frame);
    };
    boost::asio::co_spawn(loop_, receive_one(channel_, received), boost::asio::detached);
    loop_.restart();
    loop_.run_for(20s);
    return received;
  }
  template <class T>
  T expect() {
    auto frame = receive();
    if (!frame || !std::holds_alternative<T>(*frame))
      throw std::runtime_error("another frame came, or none");
    return std::get<T>(std::move(*frame));
  }

 private:
  boost::asio::io_context loop_{1};
  net::Channel<Out, In> channel_;
};

using Smtpd = End<frames::SmtpdToQueue, frames::QueueToSmtpd>;
using Delivery = End<frames::DeliveryToQueue, frames::QueueToDelivery>;
using Client = End<frames::ToControl, frames::FromControl>;
using Supervisor = End<frames::ToQueue, frames::ToSupervisor>;

// The end of an answer, whatever came before.
frames::ControlDone done_of(Client& client) {
  while (auto frame = client.receive()) {
    if (const auto* done = std::get_if<frames::ControlDone>(&*frame)) return *done;
  }
  throw std::runtime_error("the answer has no end");
}

const std::string content = "Subject: hello\r\n\r\nbody\r\n";

frames::QueueAct act(frames::QueueAction action, std::vector<mail::MessageId> ids) {
  frames::QueueAct act{action, {}};
  act.filter.ids = std::move(ids);
  return act;
}

class RoleTest : public testing::Test {
 protected:
  RoleTest() { start(); }
  ~RoleTest() override { stop(); }

  void start() {
    auto [ours, theirs] = net::socket_pair();
    supervisor.emplace(std::move(ours));
    role = std::thread([fd = theirs.release()] { run(net::Fd(fd)); });
    supervisor->send(settings());
    (void)supervisor->expect<frames::Ready>();
  }
  void stop() {
    supervisor.reset();
    if (role.joinable()) role.join();
  }

  frames::QueueSettings settings() {
    frames::QueueSettings settings;
    settings.hostname = "smarthost.example";
    settings.directory = (directory.path() / "spool").string();
    settings.first_retry = 5min;
    settings.max_retry = 1h;
    settings.warn_after = 4h;
    settings.expire = 120h;
    settings.connections = 20;
    settings.control = listening_socket();
    return settings;
  }

  sockaddr_un address() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = directory.path() / "control.sock";
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
  }
  net::Fd listening_socket() {
    std::filesystem::remove(directory.path() / "control.sock");
    net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un at = address();
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(::listen(socket.get(), 8), 0);
    return socket;
  }
  Client control() {
    net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un at = address();
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    return Client(std::move(socket));
  }
  net::Fd introduce(frames::Role to, std::uint32_t instance = 0) {
    auto [ours, theirs] = net::socket_pair();
    supervisor->send(frames::Peer{to, instance, std::move(theirs)});
    return std::move(ours);
  }

  static void send_message(Smtpd& smtpd, std::uint64_t id) {
    const mail::MessageId name(id);
    smtpd.send(frames::Open{name, envelope("a@from.example", {"b@to.example"})});
    smtpd.send(frames::Chunk{name, content});
    smtpd.send(frames::Commit{name});
  }

  // The message as it is shown, once the report about it has been acted on.
  static frames::QueuedMessage shown_when_waiting(Client& client) {
    for (;;) {
      client.send(frames::QueueShow{mail::MessageId(1)});
      auto shown = client.expect<frames::QueuedMessage>();
      (void)done_of(client);
      if (shown.recipients.at(0).state == frames::RecipientState::waiting) return shown;
    }
  }

  TemporaryDirectory directory;
  std::optional<Supervisor> supervisor;
  std::thread role;
};

TEST_F(RoleTest, TakesAMessageInAndLendsItOut) {
  Smtpd smtpd(introduce(frames::Role::smtpd));
  Delivery delivery(introduce(frames::Role::delivery));
  EXPECT_TRUE(smtpd.expect<frames::Admission>().is_accepting);
  send_message(smtpd, 1);
  EXPECT_EQ(smtpd.expect<frames::Committed>().id, mail::MessageId(1));
  const auto lease = delivery.expect<frames::Lease>();
  EXPECT_EQ(lease.content, content);
  EXPECT_EQ(lease.crc, net::crc32c(content));
  delivery.send(frames::Report{
      lease.lease, {{0, mail::Delivered{{250, {2, 0, 0}, "ok"}}}}, {}, {}, "mx", {}});
  send_message(smtpd, 2);
  (void)smtpd.expect<frames::Committed>();
  EXPECT_EQ(delivery.expect<frames::Lease>().id, mail::MessageId(2));
}

TEST_F(RoleTest, LendsAgainWhatADeliveryHadThatDied) {
  Smtpd smtpd(introduce(frames::Role::smtpd));
  (void)smtpd.expect<frames::Admission>();
  send_message(smtpd, 1);
  (void)smtpd.expect<frames::Committed>();
  {
    Delivery killed(introduce(frames::Role::delivery));
    (void)killed.expect<frames::Lease>();
  }
  Delivery next(introduce(frames::Role::delivery));
  EXPECT_EQ(next.expect<frames::Lease>().id, mail::MessageId(1));
}

TEST_F(RoleTest, KeepsWhatWasCommittedAndNothingElseOverARestart) {
  Smtpd smtpd(introduce(frames::Role::smtpd));
  (void)smtpd.expect<frames::Admission>();
  send_message(smtpd, 1);
  (void)smtpd.expect<frames::Committed>();
  smtpd.send(frames::Open{mail::MessageId(2), envelope("a@from.example", {"b@to.example"})});
  smtpd.send(frames::Chunk{mail::MessageId(2), content});
  stop();
  start();
  Client client = control();
  client.send(frames::QueueList{{}});
  EXPECT_EQ(client.expect<frames::QueuedMessage>().id, mail::MessageId(1));
  EXPECT_EQ(client.expect<frames::ControlDone>().count, 1U);
}

TEST_F(RoleTest, RefusesWhatItCannotTake) {
  Smtpd smtpd(introduce(frames::Role::smtpd));
  (void)smtpd.expect<frames::Admission>();
  send_message(smtpd, 1);
  (void)smtpd.expect<frames::Committed>();
  send_message(smtpd, 1);
  EXPECT_TRUE(smtpd.expect<frames::Refused>().reply.is_transient()) << "an id that is known";
  smtpd.send(frames::Open{mail::MessageId(2), envelope("a@from.example", {})});
  EXPECT_EQ(smtpd.expect<frames::Refused>().id, mail::MessageId(2)) << "no recipients";
  mail::Envelope endless = envelope("a@from.example", {"b@to.example"});
  endless.dsn.envelope_id = std::string(900'000, 'x');  // no lease could hold it
  smtpd.send(frames::Open{mail::MessageId(5), endless});
  EXPECT_EQ(smtpd.expect<frames::Refused>().id, mail::MessageId(5));
  smtpd.send(frames::Open{mail::MessageId(3), envelope("a@from.example", {"b@to.example"})});
  smtpd.send(frames::Abort{mail::MessageId(3)});
  smtpd.send(frames::Commit{mail::MessageId(3)});
  send_message(smtpd, 4);
  EXPECT_EQ(smtpd.expect<frames::Committed>().id, mail::MessageId(4)) << "what was aborted is gone";
}

TEST_F(RoleTest, ShowsFlushesAndDeletes) {
  Smtpd smtpd(introduce(frames::Role::smtpd));
  Delivery delivery(introduce(frames::Role::delivery));
  (void)smtpd.expect<frames::Admission>();
  send_message(smtpd, 1);
  const auto lease = delivery.expect<frames::Lease>();
  Client client = control();
  client.send(act(frames::QueueAction::remove, {mail::MessageId(1)}));
  EXPECT_EQ(client.expect<frames::QueuedMessage>().recipients.at(0).state,
            frames::RecipientState::leased)
      << "it is being delivered";
  EXPECT_EQ(done_of(client).count, 0U);

  delivery.send(frames::Report{
      lease.lease, {{0, mail::Deferred{{450, {4, 2, 0}, "full"}}}}, {}, {}, "mx", {}});
  frames::QueuedMessage shown = shown_when_waiting(client);
  EXPECT_EQ(shown.recipients.at(0).attempts, 1U);
  EXPECT_EQ(shown.recipients.at(0).last_answer, "450 4.2.0 full");
  EXPECT_EQ(shown.header, "Subject: hello\r\n");

  client.send(act(frames::QueueAction::flush, {}));
  EXPECT_EQ(done_of(client).count, 1U);
  const auto second = delivery.expect<frames::Lease>();
  delivery.send(frames::Report{
      second.lease, {{0, mail::Deferred{{450, {4, 2, 0}, "full"}}}}, {}, {}, "mx", {}});
  (void)shown_when_waiting(client);

  client.send(act(frames::QueueAction::remove, {mail::MessageId(1)}));
  EXPECT_EQ(done_of(client).count, 1U);
  client.send(frames::QueueShow{mail::MessageId(1)});
  EXPECT_NE(client.expect<frames::ControlDone>().error, "");
  stop();
  start();
  Client again = control();
  again.send(frames::QueueList{{}});
  EXPECT_EQ(again.expect<frames::ControlDone>().count, 0U) << "what was deleted stays so";
}

TEST_F(RoleTest, CannotStartBesideAnotherOnTheSameSpool) {
  auto [ours, theirs] = net::socket_pair();
  Supervisor second(std::move(ours));
  std::thread other([fd = theirs.release()] { run(net::Fd(fd)); });
  frames::QueueSettings same = settings();
  second.send(std::move(same));
  EXPECT_EQ(second.expect<frames::CannotStart>().exit_code, EX_TEMPFAIL);
  second.send(frames::Drain{});
  other.join();
}

TEST_F(RoleTest, DrainsByRefusingWhatIsNotCommitted) {
  Smtpd smtpd(introduce(frames::Role::smtpd));
  (void)smtpd.expect<frames::Admission>();
  smtpd.send(frames::Open{mail::MessageId(1), envelope("a@from.example", {"b@to.example"})});
  send_message(smtpd, 2);
  (void)smtpd.expect<frames::Committed>();
  supervisor->send(frames::Drain{});
  role.join();
  EXPECT_FALSE(supervisor->receive());
}

}  // namespace
}  // namespace postern::queue
