// One SMTP session of the load: a command, its reply, the next command, as mail clients talk.
#pragma once

#include <string>
#include <string_view>

#include "net/stream.h"

namespace postern::bench {

using Endpoint = net::asio::ip::tcp::endpoint;

/// A server that does not answer for this long has failed.
inline constexpr auto patience = std::chrono::seconds(120);

/// Content of at least `size` octets, with the fields that mail clients write, and the final dot: for `Client::send`.
[[nodiscard]] std::string make_content(std::size_t size);

/// For `Client::start_tls`: trusts nobody, and asks nobody for trust. `is_resuming`: each handshake takes up a session
/// that this context was given and that none has taken up (RFC 8446, 2.2), if any.
[[nodiscard]] net::SslContext any_server_tls(bool is_resuming = false);

class Client {
 public:
  explicit Client(net::Executor executor) : stream_(net::TcpSocket(executor)) {}

  /// Connects, from `source` if that is an address, reads the greeting, says EHLO.
  [[nodiscard]] net::Task<net::Result<>> open(Endpoint server, net::asio::ip::address source = {});

  /// STARTTLS with any certificate, and EHLO again.
  [[nodiscard]] net::Task<net::Result<>> start_tls(net::SslContext context);

  /// AUTH PLAIN.
  [[nodiscard]] net::Task<net::Result<>> log_in(const std::string& user,
                                                const std::string& password);

  /// MAIL and RCPT as a stranger: one of them must be refused for good.
  [[nodiscard]] net::Task<net::Result<>> be_refused();

  /// One transaction, with one recipient, whose local part is `recipient`. `pipelined`: MAIL, RCPT and DATA in one write
  /// (RFC 2920). Answers how long the reply to the final dot took.
  [[nodiscard]] net::Task<net::Result<net::Clock::duration>> send(
      std::string_view content, bool pipelined, std::string_view recipient = "recipient");

  /// QUIT, and its reply.
  [[nodiscard]] net::Task<net::Result<>> quit();

  /// The handshake took up an earlier session.
  bool is_resumed() const { return SSL_session_reused(stream_.ssl()) == 1; }

  /// What the server said last; explains `protocol_error`.
  const std::string& last_reply() const { return last_reply_; }

 private:
  /// Says `commands`, in one write, and reads as many replies as `expected` has digits: the first digit of each.
  [[nodiscard]] net::Task<net::Result<>> ask(std::string_view commands, std::string_view expected);
  [[nodiscard]] net::Task<net::Result<>> read_reply(char expected);

  net::Stream stream_;
  std::string last_reply_;
};

}  // namespace postern::bench
