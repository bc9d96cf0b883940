// One client's connection: does what its `Session` decides, over a `net::Stream`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "mail/message_id.h"
#include "net/stream.h"
#include "net/task.h"
#include "smtpd/auth_link.h"
#include "smtpd/patience.h"
#include "smtpd/queue_link.h"
#include "smtpd/session.h"
#include "smtpd/transfer.h"

namespace postern::smtpd {

class Connection;

/// What all connections of this process share.
struct Services {
  Services(net::Executor executor, unsigned instance)
      : queue(executor), auth(executor), ids(instance) {}

  QueueLink queue;
  AuthLink auth;
  mail::MessageIdMaker ids;
  Patience patience;
  std::unordered_set<Connection*> connections;  // those that live, kept by themselves
  bool is_draining = false;
};

/// Where clients come in: a listener's policy and certificate.
struct Door {
  std::shared_ptr<const Policy> policy;
  net::SslContext tls;  // empty: none
};

/// Memory, at most: who may not send costs 160 KiB (a line of 12 KiB behind a read of 64 KiB, 16 KiB of unsent replies, TLS);
/// a message on its way 6 MiB more, and mostly 64 KiB: an envelope (Session::max_recipient_octets), a header section and its
/// fixed-up copy (mail::max_header_section), a MIME part that may have to be re-encoded (mail::TransportEncoder::max_held),
/// threefold at worst while it is.
class Connection {
 public:
  Connection(net::TcpSocket socket, mail::IpAddress client, std::string session_name,
             std::shared_ptr<const Door> door, std::shared_ptr<Services> services);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Serves until either side ends it, and writes one line about it into the log.
  [[nodiscard]] net::Task<> run();

  /// No new command is taken: a client that says nothing is told at once, another after what it has begun.
  void drain();

 private:
  net::Task<bool> open();
  // No coroutines: an Action is large, and gone before anybody waits.
  net::Task<> obey(const net::Result<std::string>& line);
  net::Task<> obey(const frames::AuthToSmtpd& heard);
  net::Task<> perform(Action action);
  net::Task<> say_drained();
  net::Task<> act(Say say);
  net::Task<> act(StartTls start);
  net::Task<> act(BeginLogin begin);
  net::Task<> act(AnswerChallenge answer);
  net::Task<> act(CancelLogin cancel);
  net::Task<> act(TakeContent take);
  net::Task<> act(TakeChunk chunk);
  net::Task<> act(HangUp hang_up);

  net::Task<bool> shake_hands();
  net::Task<> hear_auth();
  net::Task<> answer_read_error(net::error_code error);
  net::Task<bool> flush();
  void end(std::string reason);
  bool is_over() const { return !ended_.empty(); }
  bool speaks_too_early();

  void begin_transfer(Message message, Framing framing);
  net::Task<bool> await_content(const Pace& pace);
  net::Task<> finish_transfer();

  void log_notice(const Say& say) const;
  void log_login(const frames::Verdict& verdict) const;
  void log_end() const;

  std::shared_ptr<const Door> door_;
  std::shared_ptr<Services> services_;
  net::Stream stream_;
  std::string client_;  // for the log, like the next
  std::string name_;
  Session session_;
  std::unique_ptr<LoginExchange> login_;
  std::unique_ptr<Transfer> transfer_;  // outside, so that an idle session stays small
  std::string out_;                     // replies that are not sent yet
  std::string ended_;                   // why
  net::Clock::time_point begun_ = net::Clock::now();
  std::uint32_t accepted_ = 0;  // messages
  bool is_awaiting_command_ = false;
};

}  // namespace postern::smtpd
