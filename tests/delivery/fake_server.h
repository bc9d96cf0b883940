// A scripted SMTP server on a loopback port: what it says and expects is plain text, one line a step.
//
//   S: 250 ok        says this line; lines that follow each other leave in one write
//   C: EHLO *        expects this line; `*` matches to the end
//   content          takes everything up to the final dot, and keeps it
//   something        takes whatever comes next, and throws it away
//   tls              the TLS handshake, as server
//   raw 250 o        says this without a CRLF; `\r`, `\n` in it are meant
//   close            closes the connection
//   hang             says nothing more, until the client goes
//
// Each connection plays the next script; when there is none left, it is closed at once. An empty line or one that starts
// with `#` is passed over. At the end of its script a server closes.
#pragma once

#include <string>
#include <vector>

#include "net/stream.h"
#include "net/task.h"

namespace postern::delivery {

class FakeServer {
 public:
  FakeServer(net::asio::io_context& loop, std::vector<std::string> scripts,
             net::SslContext tls = nullptr);
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;
  /// Runs the loop until all its connections have ended.
  ~FakeServer();

  std::uint16_t port() const { return port_; }
  /// Connections so far.
  std::size_t connections() const { return connections_; }
  /// What `content` steps have taken, dots still stuffed, without the final dot.
  const std::vector<std::string>& contents() const { return contents_; }
  /// Every line that clients have sent, content left out.
  const std::vector<std::string>& lines() const { return lines_; }
  /// The reads in which lines came: what was sent in one write has the same number.
  const std::vector<std::size_t>& reads() const { return reads_; }
  /// Each script is to be played this often, not once.
  void repeat_scripts() { is_repeating_ = true; }

 private:
  net::Task<> accept();
  net::Task<> play(net::TcpSocket socket, std::string script);
  net::Task<bool> step(net::Stream& stream, std::string line, std::string& out);
  net::Task<bool> expect(net::Stream& stream, std::string pattern);
  net::Task<bool> take_content(net::Stream& stream);

  net::asio::io_context& loop_;
  net::TcpAcceptor acceptor_;
  std::uint16_t port_;
  std::vector<std::string> scripts_;
  net::SslContext tls_;
  std::size_t connections_ = 0;
  bool is_repeating_ = false;
  std::vector<std::string> contents_;
  std::vector<std::string> lines_;
  std::vector<std::size_t> reads_;
  std::size_t read_ = 0;
  net::Nursery nursery_;
};

/// Cancels what `nursery` has, and runs the loop until all has ended: before the nursery goes, for its coroutines need it.
void end_all(net::asio::io_context& loop, net::Nursery& nursery);

/// A greeting and an EHLO dialogue that announces `keywords`.
[[nodiscard]] std::string hello(const std::vector<std::string>& keywords);

}  // namespace postern::delivery
