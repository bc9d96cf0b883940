#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <cstring>

namespace postern::net {
namespace {

// What one read may bring: small while a session is idle, so that thousands cost little; doubled while content streams.
constexpr std::size_t smallest_read = 256;
constexpr std::size_t largest_read = 64 * 1024;
// What is longer is written in turns of the loop: a fast peer must not keep it from the others.
constexpr std::size_t max_sent_at_once = 16 * 1024;
constexpr std::size_t max_skipped =
    1024 * 1024;  // octets of an over-long line that are read to find its end

std::string last_ssl_error() {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "the peer closed the connection";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : "unknown TLS error";
}

}  // namespace

// The timer is armed at most once at a time, when something is about to be awaited, and looks at the deadline when it fires:
// setting a limit is one store.
struct Stream::Watch : std::enable_shared_from_this<Watch> {
  explicit Watch(TcpSocket s) : socket(std::move(s)), timer(socket.get_executor()) {}

  /// Before whatever is awaited.
  void on_wait() {
    if (!is_armed || deadline < timer.expiry()) arm();
  }

  void arm() {
    is_armed = true;
    timer.expires_at(deadline);
    timer.async_wait([self = shared_from_this()](error_code error) { self->fire(error); });
  }

  void fire(error_code error) {
    if (error == asio::error::operation_aborted || is_gone) return;
    is_armed = false;
    if (Clock::now() < deadline) return arm();
    is_expired = true;
    error_code ignored;
    socket.cancel(ignored);
  }

  TcpSocket socket;
  Timer timer;
  Clock::time_point deadline = Clock::time_point::max();
  bool is_armed = false;
  bool is_expired = false;
  bool is_gone = false;
};

Stream::Stream(TcpSocket socket) : watch_(std::make_shared<Watch>(std::move(socket))) {}

Stream::~Stream() {
  watch_->is_gone = true;
  watch_->timer.cancel();
  error_code ignored;
  watch_->socket.close(ignored);
}

TcpSocket& Stream::socket() { return watch_->socket; }

void Stream::expires_after(Clock::duration limit) {
  watch_->deadline = Clock::now() + limit;
  watch_->is_expired = false;
}

error_code Stream::reason(error_code error) const {
  return watch_->is_expired ? make_error_code(asio::error::timed_out) : error;
}

std::string_view Stream::input() const { return {buffer_.data() + begin_, end_ - begin_}; }

void Stream::consume(std::size_t n) {
  begin_ += n;
  if (begin_ == end_) begin_ = end_ = 0;
}

// Room for one read behind what is unread.
void Stream::make_room(std::size_t room) {
  if (begin_ > 0) {
    std::copy(buffer_.data() + begin_, buffer_.data() + end_, buffer_.data());
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() != end_ + room) {
    if (end_ == 0 && buffer_.capacity() >= 2 * room) boost::container::vector<char>().swap(buffer_);
    buffer_.resize(end_ + room, boost::container::default_init);
  }
}

Task<Result<>> Stream::read_more(std::size_t expected) {
  make_room(std::max(next_read_, expected));
  char* const room = buffer_.data() + end_;
  const std::size_t size = buffer_.size() - end_;
  std::size_t got = 0;
  if (!ssl_) {
    if (watch_->is_expired) co_return asio::error::timed_out;
    watch_->on_wait();
    auto [error, n] = co_await watch_->socket.async_read_some(asio::buffer(room, size), as_result);
    if (error) co_return reason(error);
    got = n;
  } else {
    for (;;) {
      ERR_clear_error();
      const int n = SSL_read(ssl_.get(), room, static_cast<int>(size));
      if (n > 0) {
        got = static_cast<std::size_t>(n);
        break;
      }
      Result<> ready = co_await await_ssl(n);
      if (!ready) co_return ready.error();
    }
  }
  end_ += got;
  if (got == size) next_read_ = std::min(2 * size, largest_read);
  if (got < size / 4) next_read_ = std::max(next_read_ / 2, smallest_read);
  co_return Result<>();
}

Task<Result<std::string>> Stream::read_line(std::size_t max) {
  std::size_t skipped = 0;
  for (;;) {
    const std::string_view there = input();
    const std::size_t lf = there.find('\n');
    if (lf != std::string_view::npos) {
      const bool has_cr = lf > 0 && there[lf - 1] == '\r';
      std::string line(there.substr(0, has_cr ? lf - 1 : lf + 1));
      consume(lf + 1);
      if (skipped > 0 || line.size() > max) co_return asio::error::message_size;
      co_return line;
    }
    if (there.size() > max + 2) {  // keep the last octet: it may be the CR before an LF
      skipped += there.size() - 1;
      consume(there.size() - 1);
      if (skipped > max_skipped) co_return asio::error::no_buffer_space;
    }
    Result<> more = co_await read_more();
    if (!more) co_return more.error();
  }
}

Task<Result<>> Stream::write(std::string_view bytes) {
  return ssl_ ? write_encrypted(bytes) : write_clear(bytes, 0);
}

Task<Result<>> Stream::write_last(std::string_view bytes) {
  return ssl_ ? write_encrypted(bytes) : write_clear(bytes, MSG_MORE);
}

// Replies and commands fit into the socket's buffer, mostly: then they cost one call, and no turn of the loop.
Task<Result<>> Stream::write_clear(std::string_view bytes, int flags) {
  if (watch_->is_expired) co_return asio::error::timed_out;
  if (bytes.size() <= max_sent_at_once) {
    const ssize_t n = ::send(watch_->socket.native_handle(), bytes.data(), bytes.size(),
                             flags | MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      co_return reason({errno, boost::system::system_category()});
    }
    if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    if (bytes.empty()) co_return Result<>();
  }
  while (!bytes.empty()) {
    if (watch_->is_expired) co_return asio::error::timed_out;
    watch_->on_wait();
    auto [error, n] = co_await watch_->socket.async_write_some(
        asio::buffer(bytes.substr(0, largest_read)), as_result);
    if (error) co_return reason(error);
    bytes.remove_prefix(n);
  }
  co_return Result<>();
}

Task<Result<>> Stream::write_encrypted(std::string_view bytes) {
  while (!bytes.empty()) {
    ERR_clear_error();
    const int n =
        SSL_write(ssl_.get(), bytes.data(), static_cast<int>(std::min(bytes.size(), largest_read)));
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
      continue;
    }
    Result<> ready = co_await await_ssl(n);
    if (!ready) co_return ready.error();
  }
  co_return Result<>();
}

// Waits for what OpenSSL said it needs to go on.
Task<Result<>> Stream::await_ssl(int result) {
  const int saved_errno = errno;
  auto direction = TcpSocket::wait_read;
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      break;
    case SSL_ERROR_WANT_WRITE:
      direction = TcpSocket::wait_write;
      break;
    case SSL_ERROR_ZERO_RETURN:
      co_return asio::error::eof;
    case SSL_ERROR_SYSCALL:
      tls_error_ = saved_errno ? std::strerror(saved_errno) : "the peer closed the connection";
      co_return asio::error::connection_reset;
    default:
      tls_error_ = last_ssl_error();
      co_return asio::error::connection_reset;
  }
  if (watch_->is_expired) co_return asio::error::timed_out;
  watch_->on_wait();
  auto [error] = co_await watch_->socket.async_wait(direction, as_result);
  if (error) co_return reason(error);
  co_return Result<>();
}

Task<Result<>> Stream::handshake() {
  for (;;) {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) co_return Result<>();
    Result<> ready = co_await await_ssl(result);
    if (ready) continue;
    const long verdict = SSL_get_verify_result(ssl_.get());
    if (verdict != X509_V_OK && (SSL_get_verify_mode(ssl_.get()) & SSL_VERIFY_PEER) != 0) {
      tls_error_ = X509_verify_cert_error_string(verdict);
    }
    if (tls_error_.empty()) tls_error_ = ready.error().message();
    co_return ready.error();
  }
}

Task<Result<>> Stream::accept_tls(const SslContext& context) {
  if (!input().empty()) {
    tls_error_ = "clear bytes behind STARTTLS";
    co_return make_error_code(boost::system::errc::protocol_error);
  }
  ssl_.reset(SSL_new(context.get()));
  if (!ssl_) co_return asio::error::no_memory;
  watch_->socket.native_non_blocking(true);
  SSL_set_fd(ssl_.get(), watch_->socket.native_handle());
  SSL_set_accept_state(ssl_.get());
  Result<> done = co_await handshake();
  co_return done;
}

Task<Result<>> Stream::connect_tls(const SslContext& context, const std::string& host,
                                   bool verify) {
  if (!input().empty()) {
    tls_error_ = "clear bytes behind the reply to STARTTLS";
    co_return make_error_code(boost::system::errc::protocol_error);
  }
  ssl_.reset(SSL_new(context.get()));
  if (!ssl_) co_return asio::error::no_memory;
  watch_->socket.native_non_blocking(true);
  SSL_set_fd(ssl_.get(), watch_->socket.native_handle());
  SSL_set_connect_state(ssl_.get());
  error_code no_address;
  asio::ip::make_address(host, no_address);
  int is_named = 1;
  if (no_address) {
    SSL_set_tlsext_host_name(ssl_.get(), host.c_str());
    is_named = SSL_set1_host(ssl_.get(), host.c_str());
    SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  } else {
    is_named = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), host.c_str());
  }
  if (verify && is_named != 1) {
    tls_error_ = "that is no name to verify: " + host;
    co_return make_error_code(boost::system::errc::invalid_argument);
  }
  SSL_set_verify(ssl_.get(), verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  Result<> done = co_await handshake();
  co_return done;
}

std::string Stream::tls_text() const {
  if (!ssl_) return {};
  return std::string(SSL_get_version(ssl_.get())) + ' ' + SSL_get_cipher_name(ssl_.get());
}

void Stream::close() {
  error_code ignored;
  if (ssl_ && SSL_is_init_finished(ssl_.get()) && watch_->socket.is_open()) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  watch_->socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  watch_->socket.close(ignored);
}

}  // namespace postern::net
