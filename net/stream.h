// A TCP connection that carries lines: a bounded input buffer, TLS on demand, and one time limit for whatever is awaited.
#pragma once

#include <openssl/ssl.h>

#include <boost/container/vector.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "net/task.h"

namespace postern::net {

using SslContext = std::shared_ptr<SSL_CTX>;

class Stream {
 public:
  explicit Stream(TcpSocket socket);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  /// From now on whatever is awaited must end within `limit` of this call; else it fails with `timed_out`, and so does all
  /// that follows, until a new limit is set (to say a last word). It counts for what is awaited after the call. Cheap: a timer
  /// is touched only where something is awaited, and mostly not then.
  void expires_after(Clock::duration limit);

  /// What has been read and not yet consumed.
  std::string_view input() const;
  void consume(std::size_t n);

  /// Reads at least one more byte behind `input()`; ends with asio::error::eof at the peer's close (under TLS: only at its
  /// close_notify; a mere end of the connection is `connection_reset`). `expected`: octets to make room for, where more is
  /// likely than what came lately.
  [[nodiscard]] Task<Result<>> read_more(std::size_t expected = 0);

  /// The next line, consumed, without its CRLF. One that ends in a bare LF keeps it: a control character, which no command
  /// and no reply may hold. A line over `max` octets fails with asio::error::message_size once its end was read and thrown
  /// away; more than 1 MiB of it fails with `no_buffer_space`, and the stream is to be given up.
  [[nodiscard]] Task<Result<std::string>> read_line(std::size_t max);

  /// Writes all of it.
  [[nodiscard]] Task<Result<>> write(std::string_view bytes);

  /// Writes the last of all: it may leave only with the end of the connection, in one packet, so `close` must follow.
  [[nodiscard]] Task<Result<>> write_last(std::string_view bytes);

  /// The TLS handshake as server. What was read in clear before it must have been dealt with by the caller: `input()` has to
  /// be empty (RFC 3207, 5; CVE-2011-0411).
  [[nodiscard]] Task<Result<>> accept_tls(const SslContext& context);

  /// The TLS handshake as client, with `host` as SNI. With `verify`, the chain and the name (a DNS name, or an IP address)
  /// must be right; else any certificate will do.
  [[nodiscard]] Task<Result<>> connect_tls(const SslContext& context, const std::string& host,
                                           bool verify);

  bool is_encrypted() const { return ssl_ != nullptr; }
  /// `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty: not encrypted.
  [[nodiscard]] std::string tls_text() const;
  /// Why the last handshake failed, in OpenSSL's words; for the log and for reports.
  const std::string& tls_error() const { return tls_error_; }
  SSL* ssl() const { return ssl_.get(); }

  /// Says close_notify where there is TLS, and closes. Does not wait.
  void close();

  TcpSocket& socket();

 private:
  struct Watch;
  struct FreeSsl {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  [[nodiscard]] Task<Result<>> handshake();
  [[nodiscard]] Task<Result<>> await_ssl(int result);
  [[nodiscard]] error_code reason(error_code error) const;
  void make_room(std::size_t room);
  [[nodiscard]] Task<Result<>> write_clear(std::string_view bytes, int flags);
  [[nodiscard]] Task<Result<>> write_encrypted(std::string_view bytes);

  std::shared_ptr<Watch>
      watch_;  // the socket and its time limit; shared with a timer that may fire later
  std::unique_ptr<SSL, FreeSsl> ssl_;
  boost::container::vector<char> buffer_;  // never filled ahead
  std::size_t begin_ = 0;                  // input() is buffer_[begin_, end_)
  std::size_t end_ = 0;
  std::size_t next_read_ = 512;  // bytes: the last read's size decides
  std::string tls_error_;
};

/// TLS 1.2 and above, no compression, no renegotiation. The error is a text for the operator. `ticket_keys`, from
/// `new_ticket_keys`: with the same ones another process resumes the sessions that this one began; empty: none does.
[[nodiscard]] boost::system::result<SslContext, std::string> server_tls(
    const std::string& chain_pem, const std::string& key_pem, const std::string& ticket_keys = {});
/// Random octets, to seal session tickets with (RFC 5077, 4). Throws where the system has no randomness to give.
[[nodiscard]] std::string new_ticket_keys();
/// `ca_file`: the certificates that are trusted.
[[nodiscard]] boost::system::result<SslContext, std::string> client_tls(const std::string& ca_file);

}  // namespace postern::net
