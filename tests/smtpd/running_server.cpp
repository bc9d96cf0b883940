#include "smtpd/running_server.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include "smtpd/certificate.h"
#include "smtpd/seats_memory.h"

namespace postern::smtpd {

using net::Result;
using net::Task;
namespace asio = net::asio;

namespace {

constexpr auto patience_of_a_client = std::chrono::seconds(20);
constexpr auto longest_test = std::chrono::seconds(60);

}  // namespace

Task<> FakeQueue::run() {
  for (;;) {
    Result<frames::SmtpdToQueue> frame = co_await channel_.receive();
    if (!frame) co_return;
    std::visit([this](auto& any) { take(any); }, *frame);
  }
}

void FakeQueue::take(frames::Open& frame) {
  envelopes.push_back(std::move(frame.envelope));
  EXPECT_TRUE(open.emplace(frame.id.value(), "").second) << "opened twice";
}

void FakeQueue::take(frames::Chunk& frame) {
  longest_chunk = std::max(longest_chunk, frame.bytes.size());
  open.at(frame.id.value()) += frame.bytes;
}

void FakeQueue::take(frames::Commit& frame) {
  ++commits;
  auto message = open.extract(frame.id.value());
  ASSERT_FALSE(message.empty()) << "committed without being opened";
  if (manner == Manner::commits) {
    committed.push_back(std::move(message.mapped()));
    channel_.send(frames::Committed{frame.id});
  } else if (manner == Manner::refuses) {
    channel_.send(frames::Refused{frame.id, {452, {4, 3, 1}, "the disk is full"}});
  }
}

void FakeQueue::take(frames::Abort& frame) {
  ++aborted;
  EXPECT_EQ(open.erase(frame.id.value()), 1U) << "aborted without being opened";
}

Task<> Client::send(std::string octets) {
  stream_.expires_after(patience_of_a_client);
  std::ignore = co_await stream_.write(octets);
}

Task<> Client::say(std::string lines) {
  std::string octets;
  for (const std::string& line : lines_of(lines)) octets += line + "\r\n";
  co_await send(std::move(octets));
}

Task<std::string> Client::hear() {
  stream_.expires_after(patience_of_a_client);
  Result<std::string> line = co_await stream_.read_line(1000);
  if (!line && line.error() == asio::error::timed_out) ADD_FAILURE() << "the server says nothing";
  co_return line ? *line : closed;
}

Task<bool> Client::shake_hands() {
  static const net::SslContext context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  stream_.expires_after(patience_of_a_client);
  Result<> done = co_await stream_.connect_tls(context, "mail.example", false);
  co_return done.has_value();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines(1);
  for (char c : text) {
    if (c == '\n')
      lines.emplace_back();
    else
      lines.back() += c;
  }
  return lines;
}

RunningServer::RunningServer(Patience patience)
    : players_(loop_.get_executor()), server(loop_.get_executor(), patience) {
  ::signal(SIGPIPE, SIG_IGN);  // as net::RoleLoop does
}

RunningServer::~RunningServer() = default;

frames::SmtpdSettings RunningServer::settings(const Transcript& transcript) {
  net::TcpAcceptor acceptor(executor(), {asio::ip::address_v4::loopback(), 0});
  endpoint_ = acceptor.local_endpoint();
  frames::Listener listener;
  listener.tls = transcript.tls;
  listener.auth = transcript.auth;
  listener.socket = net::Fd(acceptor.release());
  frames::SmtpdSettings settings;
  settings.hostname = "mail.example";
  settings.domain = "example";
  settings.listeners.push_back(std::move(listener));
  settings.certificate_pem = test_certificate().chain;
  settings.private_key_pem = test_certificate().key;
  settings.mynetworks = networks_of(transcript);
  settings.mechanisms = {"PLAIN", "LOGIN", "SCRAM-SHA-256"};
  settings.message_size = transcript.size;
  settings.recipients = transcript.recipients;
  settings.seats = seats_memory();
  settings.connections = 10;
  settings.connections_per_ip = 10;
  return settings;
}

Task<> RunningServer::start() {
  Transcript usual;
  co_await start(std::move(usual));
}

Task<> RunningServer::start(Transcript transcript) {
  frames::SmtpdSettings wanted = settings(transcript);
  auto failure = co_await server.configure(std::move(wanted));
  EXPECT_FALSE(failure);
  connect_queue();
  connect_auth();
  queue->admit(transcript.admission);
  // The admission must have arrived before the first command that it decides.
  co_await settle();
}

void RunningServer::connect_queue() {
  auto [ours, theirs] = net::socket_pair();
  queue = std::make_shared<FakeQueue>(executor(), std::move(ours));
  players_.start([](std::shared_ptr<FakeQueue> fake) -> Task<> { co_await fake->run(); }(queue));
  server.connect({frames::Role::queue, 0, std::move(theirs)});
}

void RunningServer::connect_auth() {
  auto [ours, theirs] = net::socket_pair();
  auth_channel = std::make_shared<net::Channel<frames::AuthToSmtpd, frames::SmtpdToAuth>>(
      executor(), std::move(ours));
  players_.start(play_auth(auth_channel));
  server.connect({frames::Role::auth, 0, std::move(theirs)});
}

Task<> RunningServer::play_auth(
    std::shared_ptr<net::Channel<frames::AuthToSmtpd, frames::SmtpdToAuth>> channel) {
  for (;;) {
    Result<frames::SmtpdToAuth> frame = co_await channel->receive();
    if (!frame) co_return;
    auto answer = auth.answer(*frame);
    if (answer && !is_auth_silent) channel->send(std::move(*answer));
  }
}

Task<std::unique_ptr<Client>> RunningServer::connect() {
  net::TcpSocket socket(executor());
  auto [error] = co_await socket.async_connect(endpoint_, net::as_result);
  EXPECT_FALSE(error) << error.message();
  co_return std::make_unique<Client>(std::move(socket));
}

Task<> RunningServer::settle() {
  // Every turn lets whatever is ready run; a frame needs a few of them to get through a socket.
  for (int turn = 0; turn < 50; ++turn) {
    co_await asio::post(executor(), asio::use_awaitable_t<net::Executor>{});
  }
}

void RunningServer::run(std::function<Task<>()> test) {
  bool is_done = false;
  asio::co_spawn(
      executor(), [test]() -> Task<> { co_await test(); },
      [&](std::exception_ptr thrown) {
        is_done = true;
        loop_.stop();
        if (thrown) std::rethrow_exception(thrown);
      });
  loop_.restart();
  loop_.run_for(longest_test);
  ASSERT_TRUE(is_done) << "the test hangs";
}

}  // namespace postern::smtpd
