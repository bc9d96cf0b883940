#include "net/stream.h"

#include <gtest/gtest.h>

#include <boost/asio/write.hpp>

#include "certificate.h"
#include "net/base64.h"

namespace postern::net {
namespace {

using namespace std::chrono_literals;

/// A stream, and the plain socket at its other end.
struct Connection {
  asio::io_context loop{one_thread};
  Nursery nursery{loop.get_executor()};
  TcpAcceptor acceptor{loop.get_executor(), {asio::ip::address_v4::loopback(), 0}};
  TcpSocket peer{loop.get_executor()};
  std::unique_ptr<Stream> stream;

  Connection() {
    peer.connect(acceptor.local_endpoint());
    stream = std::make_unique<Stream>(acceptor.accept());
  }
  void say(std::string_view text) { asio::write(peer, asio::buffer(text)); }
  void run(Task<> task) {
    nursery.start(std::move(task));
    while (nursery.size() > 0)
      loop.run_one();  // not until the streams' time limits have passed, too
  }
};

Task<> read_lines(Stream& stream, std::vector<std::string>& got, error_code& end) {
  for (;;) {
    stream.expires_after(10s);
    Result<std::string> line = co_await stream.read_line(20);
    if (line) {
      got.push_back(*line);
    } else if (line.error() == asio::error::message_size) {
      got.push_back("too long");
    } else {
      end = line.error();
      co_return;
    }
  }
}

TEST(StreamLine, EndsAtCrLf) {
  Connection connection;
  connection.say("one\r\n\r\ntwo \r three\r\nrest");
  connection.peer.shutdown(TcpSocket::shutdown_send);
  std::vector<std::string> got;
  error_code end;
  connection.run(read_lines(*connection.stream, got, end));
  EXPECT_EQ(got, (std::vector<std::string>{"one", "", "two \r three"}));
  EXPECT_EQ(end, asio::error::eof);
}

TEST(StreamLine, KeepsABareLfSoThatNobodyTakesItForALine) {
  Connection connection;
  connection.say("QUIT\nNOOP\r\n");
  connection.peer.shutdown(TcpSocket::shutdown_send);
  std::vector<std::string> got;
  error_code end;
  connection.run(read_lines(*connection.stream, got, end));
  EXPECT_EQ(got, (std::vector<std::string>{"QUIT\n", "NOOP"}));
}

// Statement 11: the rest of an over-long line is thrown away, not run as a command.
TEST(StreamLine, OverItsLimitIsThrownAwayWhole) {
  for (const std::size_t length : {21, 22, 23, 1000, 100'000}) {
    Connection connection;
    connection.nursery.start([](Connection& c, std::size_t n) -> Task<> {
      std::string text = "ok\r\n" + std::string(n, 'x') + "\r\nQUIT\r\n";
      auto [error, sent] = co_await asio::async_write(c.peer, asio::buffer(text), as_result);
      EXPECT_FALSE(error);
      c.peer.shutdown(TcpSocket::shutdown_send);
    }(connection, length));
    std::vector<std::string> got;
    error_code end;
    connection.run(read_lines(*connection.stream, got, end));
    EXPECT_EQ(got, (std::vector<std::string>{"ok", "too long", "QUIT"})) << length;
  }
}

TEST(StreamLine, OfExactlyItsLimitIsRead) {
  Connection connection;
  connection.say(std::string(20, 'x') + "\r\n");
  connection.peer.shutdown(TcpSocket::shutdown_send);
  std::vector<std::string> got;
  error_code end;
  connection.run(read_lines(*connection.stream, got, end));
  EXPECT_EQ(got, (std::vector<std::string>{std::string(20, 'x')}));
}

Task<> wait_for_nothing(Stream& stream, error_code& first, error_code& second,
                        Result<>& last_word) {
  stream.expires_after(20ms);
  Result<> read = co_await stream.read_more();
  first = read.error();
  Result<> again = co_await stream.read_more();
  second = again.error();
  stream.expires_after(1s);
  last_word = co_await stream.write("421 bye\r\n");
}

TEST(StreamLimit, EndsAWaitAndAllowsALastWord) {
  Connection connection;
  error_code first, second;
  Result<> last_word = make_error_code(asio::error::eof);
  connection.run(wait_for_nothing(*connection.stream, first, second, last_word));
  EXPECT_EQ(first, asio::error::timed_out);
  EXPECT_EQ(second, asio::error::timed_out);
  EXPECT_TRUE(last_word);
}

Task<> wait_under_limits(Stream& stream, std::vector<Clock::duration> limits,
                         Clock::duration before, error_code& end) {
  for (const Clock::duration limit : limits) stream.expires_after(limit);
  if (before > 0s) co_await sleep_for(before);
  Result<> read = co_await stream.read_more();
  end = read.error();
}

TEST(StreamLimit, CountsHoweverItCameToBe) {
  struct Row {
    const char* what;
    std::vector<Clock::duration> limits;
    Clock::duration before;
  };
  const Row rows[] = {{"made shorter", {10min, 10ms}, 0ms}, {"past already", {1ms}, 20ms}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    Connection connection;
    error_code end;
    connection.run(wait_under_limits(*connection.stream, row.limits, row.before, end));
    EXPECT_EQ(end, asio::error::timed_out);
  }
}

TEST(StreamLimit, MayGetShorterWhenATimerRunsForALongerOne) {
  Connection connection;
  connection.say("x");
  error_code end;
  connection.run(wait_under_limits(*connection.stream, {10min}, 0ms, end));
  EXPECT_FALSE(end);
  connection.stream->consume(1);
  connection.run(wait_under_limits(*connection.stream, {10ms}, 0ms, end));
  EXPECT_EQ(end, asio::error::timed_out);
}

Task<> write_until_it_fails(Stream& stream, error_code& end) {
  const std::string piece(10'000, 'x');
  while (!end) {
    stream.expires_after(50ms);
    Result<> written = co_await stream.write(piece);
    if (!written) end = written.error();
  }
}

TEST(StreamLimit, EndsAWriteThatThePeerDoesNotTake) {
  Connection connection;
  error_code end;
  connection.run(write_until_it_fails(*connection.stream, end));
  EXPECT_EQ(end, asio::error::timed_out);
}

Task<> serve_tls(Stream& stream, SslContext context, Result<>& done, std::string& line) {
  stream.expires_after(5s);
  done = co_await stream.accept_tls(context);
  if (!done) co_return;
  Result<std::string> read = co_await stream.read_line(100);
  if (read) line = *read;
  Result<> written = co_await stream.write(std::string(300'000, 'x') + "\r\n");
  EXPECT_TRUE(written);
  stream.close();
}

Task<> use_tls(Stream& stream, SslContext context, std::string host, Result<>& done,
               std::size_t& got) {
  stream.expires_after(5s);
  done = co_await stream.connect_tls(context, host, true);
  if (!done) co_return stream.close();
  Result<> written = co_await stream.write("hello\r\n");
  EXPECT_TRUE(written);
  for (;;) {
    Result<> more = co_await stream.read_more();
    if (!more) {
      EXPECT_EQ(more.error(), asio::error::eof) << more.error().message();
      break;
    }
    got += stream.input().size();
    stream.consume(stream.input().size());
  }
}

struct TlsRow {
  const char* certificate_for;
  const char* asked_for;
  bool trusts;
  bool is_good;
  const char* why;
};

TEST(StreamTls, VerifiesChainAndName) {
  const TlsRow rows[] = {
      {"DNS:mx.example", "mx.example", true, true, "the name and the issuer are right"},
      {"DNS:mx.example", "other.example", true, false, "another name"},
      {"DNS:*.office.example", "mx.office.example", true, true, "a wildcard for one label"},
      {"DNS:m*.office.example", "mx.office.example", true, false, "a partial wildcard"},
      {"IP:127.0.0.1", "127.0.0.1", true, true, "an address"},
      {"DNS:127.0.0.1", "127.0.0.1", true, false, "an address as a name"},
      {"DNS:mx.example", "mx.example", false, false, "an issuer that nobody trusts"},
  };
  for (const TlsRow& row : rows) {
    SCOPED_TRACE(row.why);
    const tests::Certificate certificate(row.certificate_for);
    const tests::Certificate other(row.certificate_for);
    Connection connection;
    Stream client(std::move(connection.peer));
    auto server_context = server_tls(certificate.pem(), certificate.key_pem());
    auto client_context = client_tls(row.trusts ? certificate.file() : other.file());
    ASSERT_TRUE(server_context && client_context);
    Result<> served = make_error_code(asio::error::eof);
    Result<> used = make_error_code(asio::error::eof);
    std::string line;
    std::size_t got = 0;
    connection.nursery.start(serve_tls(*connection.stream, *server_context, served, line));
    connection.run(use_tls(client, *client_context, row.asked_for, used, got));
    EXPECT_EQ(used.has_value(), row.is_good) << client.tls_error();
    EXPECT_EQ(line, row.is_good ? "hello" : "");
    EXPECT_EQ(got, row.is_good ? 300'002U : 0U);
  }
}

// CVE-2011-0411: what came in clear before the handshake must not be read as if it had come after it.
TEST(StreamTls, DoesNotStartOverClearBytes) {
  const tests::Certificate certificate("DNS:mx.example");
  Connection connection;
  connection.say("STARTTLS\r\nMAIL FROM:<a@b.example>\r\n");
  auto context = server_tls(certificate.pem(), certificate.key_pem());
  Result<> done;
  connection.run([](Stream& stream, SslContext tls, Result<>& result) -> Task<> {
    stream.expires_after(5s);
    Result<std::string> line = co_await stream.read_line(100);
    EXPECT_TRUE(line && *line == "STARTTLS");
    result = co_await stream.accept_tls(tls);
  }(*connection.stream, *context, done));
  EXPECT_FALSE(done);
  EXPECT_FALSE(connection.stream->is_encrypted());
}

TEST(ServerTls, RefusesAKeyOfAnotherCertificate) {
  const tests::Certificate one("DNS:mx.example");
  const tests::Certificate other("DNS:mx.example");
  EXPECT_FALSE(server_tls(one.pem(), other.key_pem()));
  EXPECT_FALSE(server_tls("nonsense", one.key_pem()));
  EXPECT_FALSE(server_tls(one.pem(), ""));
}

TEST(ServerTls, RefusesTicketKeysOfAnotherSize) {
  const tests::Certificate one("DNS:mx.example");
  EXPECT_TRUE(server_tls(one.pem(), one.key_pem(), new_ticket_keys()));
  EXPECT_FALSE(server_tls(one.pem(), one.key_pem(), "too short"));
}

}  // namespace
}  // namespace postern::net
