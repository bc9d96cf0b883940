// A Server on loopback with everything around it played by the test: clients over real connections, queue and auth at the
// other ends of its channels. All of it runs on one loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/channel.h"
#include "net/stream.h"
#include "net/task.h"
#include "smtpd/fake_auth.h"
#include "smtpd/server.h"
#include "smtpd/transcript.h"

namespace postern::smtpd {

/// What a queue does with its frames, and what it has seen.
class FakeQueue {
 public:
  enum class Manner { commits, refuses, is_silent };

  FakeQueue(net::Executor executor, net::Fd socket) : channel_(executor, std::move(socket)) {}

  void admit(frames::Admission admission) { channel_.send(std::move(admission)); }
  void die() { channel_.close(); }
  net::Task<> run();

  Manner manner = Manner::commits;
  std::vector<std::string> committed;  // contents
  std::vector<mail::Envelope> envelopes;
  std::size_t longest_chunk = 0;
  int commits = 0;  // asked for
  int aborted = 0;
  std::map<std::uint64_t, std::string> open;

 private:
  void take(frames::Open& frame);
  void take(frames::Chunk& frame);
  void take(frames::Commit& frame);
  void take(frames::Abort& frame);

  net::Channel<frames::QueueToSmtpd, frames::SmtpdToQueue> channel_;
};

/// A client, whose every read has a limit.
class Client {
 public:
  explicit Client(net::TcpSocket socket) : stream_(std::move(socket)) {}

  /// All of it in one packet.
  net::Task<> send(std::string octets);
  /// The same with CRLF in place of each LF, and at the end.
  net::Task<> say(std::string lines);
  /// The next line; `closed` where there is none.
  net::Task<std::string> hear();
  net::Task<bool> shake_hands();
  void go() { stream_.close(); }

 private:
  net::Stream stream_;
};

class RunningServer {
 public:
  explicit RunningServer(Patience patience = {});
  ~RunningServer();

  /// Settings for one listener on a new port of loopback.
  frames::SmtpdSettings settings(const Transcript& transcript = {});
  /// Configures and connects the roles, and the queue admits.
  net::Task<> start();
  net::Task<> start(Transcript transcript);
  void connect_queue();
  void connect_auth();

  net::Task<std::unique_ptr<Client>> connect();
  /// Lets everybody else go on until nobody has anything to do at once.
  net::Task<> settle();

  /// Runs `test` to its end; a test that hangs fails.
  void run(std::function<net::Task<>()> test);

  net::Executor executor() { return loop_.get_executor(); }

 private:
  net::Task<> play_auth(
      std::shared_ptr<net::Channel<frames::AuthToSmtpd, frames::SmtpdToAuth>> channel);

  net::asio::io_context loop_;
  net::Nursery players_;
  net::asio::ip::tcp::endpoint endpoint_;

 public:
  Server server;
  std::shared_ptr<FakeQueue> queue;
  FakeAuth auth;
  bool is_auth_silent = false;
  std::shared_ptr<net::Channel<frames::AuthToSmtpd, frames::SmtpdToAuth>> auth_channel;
};

/// The lines of a text, which are parted by LF.
std::vector<std::string> lines_of(const std::string& text);

inline constexpr const char* closed = "(closed)";

}  // namespace postern::smtpd
