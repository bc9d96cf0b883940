#include "client.h"

#include <memory>
#include <vector>

#include "net/base64.h"

namespace postern::bench {

using net::Result;
using net::Task;

namespace {

constexpr std::size_t max_reply = 16 * 1024;  // octets; more is no SMTP server
constexpr std::size_t max_sessions = 1000;    // that wait to be taken up

constexpr std::string_view mail = "MAIL FROM:<sender@load.example>\r\n";
constexpr std::string_view data = "DATA\r\n";

std::string rcpt(std::string_view local_part) {
  std::string command = "RCPT TO:<";
  return command.append(local_part).append("@sink.example>\r\n");
}

/// The octets of the first whole reply in `input`; 0: there is none yet. Its last line has no hyphen behind the code
/// (RFC 5321, 4.2.1).
std::size_t reply_size(std::string_view input) {
  for (std::size_t begin = 0;;) {
    const std::size_t end = input.find('\n', begin);
    if (end == std::string_view::npos) return 0;
    const bool goes_on = end - begin > 3 && input[begin + 3] == '-';
    if (!goes_on) return end + 1;
    begin = end + 1;
  }
}

struct FreeSession {
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};
/// A context's sessions that no connection has taken up yet: none is taken up twice (RFC 8446, C.4).
using Sessions = std::vector<std::unique_ptr<SSL_SESSION, FreeSession>>;

Sessions* sessions_of(const SSL_CTX* context) {
  return static_cast<Sessions*>(SSL_CTX_get_app_data(context));
}

// TLS 1.3 gives them some time after the handshake, when the connection is read.
int keep_session(SSL* ssl, SSL_SESSION* session) {
  Sessions& sessions = *sessions_of(SSL_get_SSL_CTX(ssl));
  if (sessions.size() == max_sessions) return 0;  // OpenSSL frees it
  sessions.emplace_back(session);
  return 1;
}

void resume(const SSL* ssl, int where, int) {
  if ((where & SSL_CB_HANDSHAKE_START) == 0 || SSL_is_init_finished(ssl)) return;
  SSL* const mine =
      const_cast<SSL*>(ssl);  // OpenSSL's only call before a handshake is made for watching
  Sessions& sessions = *sessions_of(SSL_get_SSL_CTX(ssl));
  if (sessions.empty()) return;
  SSL_set_session(mine, sessions.back().get());
  sessions.pop_back();
}

void free_context(SSL_CTX* context) {
  delete sessions_of(context);
  SSL_CTX_free(context);
}

}  // namespace

std::string make_content(std::size_t size) {
  std::string content =
      "From: Load <sender@load.example>\r\n"
      "To: Sink <recipient@sink.example>\r\n"
      "Subject: load\r\n"
      "Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
      "Message-ID: <1@load.example>\r\n"
      "\r\n";
  while (content.size() < size) content.append(76, 'x').append("\r\n");
  return content + ".\r\n";
}

net::SslContext any_server_tls(bool is_resuming) {
  net::SslContext context(SSL_CTX_new(TLS_client_method()), free_context);
  if (!context) throw std::bad_alloc();
  if (is_resuming) {
    SSL_CTX_set_app_data(context.get(), new Sessions);
    SSL_CTX_set_session_cache_mode(context.get(),
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context.get(), keep_session);
    SSL_CTX_set_info_callback(context.get(), resume);
  }
  return context;
}

Task<Result<>> Client::open(Endpoint server, net::asio::ip::address source) {
  stream_.expires_after(patience);
  if (!source.is_unspecified()) {
    net::error_code failed;
    stream_.socket().open(server.protocol(), failed);
    if (!failed) stream_.socket().bind(Endpoint(source, 0), failed);
    if (failed) co_return failed;
  }
  auto [failure] = co_await stream_.socket().async_connect(server, net::as_result);
  if (failure) co_return failure;
  stream_.socket().set_option(net::asio::ip::tcp::no_delay(true));
  Result<> greeted = co_await read_reply('2');
  if (!greeted) co_return greeted;
  Result<> done = co_await ask("EHLO client.load.example\r\n", "2");
  co_return done;
}

Task<Result<>> Client::start_tls(net::SslContext context) {
  Result<> ready = co_await ask("STARTTLS\r\n", "2");
  if (!ready) co_return ready;
  Result<> encrypted = co_await stream_.connect_tls(context, "localhost", false);
  if (!encrypted) {
    last_reply_ = stream_.tls_error();
    co_return encrypted;
  }
  Result<> done = co_await ask("EHLO client.load.example\r\n", "2");
  co_return done;
}

Task<Result<>> Client::log_in(const std::string& user, const std::string& password) {
  const std::string message = '\0' + user + '\0' + password;
  const std::string command = "AUTH PLAIN " + net::to_base64(message) + "\r\n";
  Result<> done = co_await ask(command, "2");
  co_return done;
}

Task<Result<>> Client::be_refused() {
  Result<> done = co_await ask(mail, "5");
  if (!done && last_reply_.starts_with('2')) {
    const std::string command = rcpt("recipient");
    done = co_await ask(command, "5");
  }
  co_return done;
}

Task<Result<net::Clock::duration>> Client::send(std::string_view content, bool pipelined,
                                                std::string_view recipient) {
  stream_.expires_after(patience);
  std::string command = rcpt(recipient);
  if (pipelined) {
    command.insert(0, mail).append(data);
    Result<> begun = co_await ask(command, "223");
    if (!begun) co_return begun.error();
  } else {
    Result<> said = co_await ask(mail, "2");
    if (said) said = co_await ask(command, "2");
    if (said) said = co_await ask(data, "3");
    if (!said) co_return said.error();
  }
  // The clock starts when all has been written: how fast the server reads the content counts as its throughput.
  Result<> written = co_await stream_.write(content);
  if (!written) co_return written.error();
  const auto dot = net::Clock::now();
  Result<> accepted = co_await read_reply('2');
  if (!accepted) co_return accepted.error();
  co_return net::Clock::now() - dot;
}

Task<Result<>> Client::quit() {
  Result<> done = co_await ask("QUIT\r\n", "2");
  stream_.close();
  co_return done;
}

Task<Result<>> Client::ask(std::string_view commands, std::string_view expected) {
  Result<> done = co_await stream_.write(commands);
  for (std::size_t i = 0; done && i < expected.size(); ++i) done = co_await read_reply(expected[i]);
  co_return done;
}

Task<Result<>> Client::read_reply(char expected) {
  std::size_t size = reply_size(stream_.input());
  while (size == 0) {
    if (stream_.input().size() > max_reply) co_return net::asio::error::message_size;
    Result<> more = co_await stream_.read_more();
    if (!more) co_return more;
    size = reply_size(stream_.input());
  }
  last_reply_.assign(stream_.input().substr(0, size));
  stream_.consume(size);
  if (last_reply_[0] != expected) co_return make_error_code(boost::system::errc::protocol_error);
  co_return Result<>();
}

}  // namespace postern::bench
