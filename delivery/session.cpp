#include "delivery/session.h"

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <charconv>

#include "delivery/login.h"
#include "mail/ascii.h"

namespace postern::delivery {
namespace {

using Kind = Trouble::Kind;

// Takes what stands before the first `separator` off the front of `text`.
std::string_view take_until(std::string_view& text, char separator) {
  const std::string_view taken = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(text.size(), taken.size() + 1));
  return taken;
}

void take_keyword(std::string_view line, Capabilities& capabilities) {
  const std::string_view keyword = take_until(line, ' ');
  const auto is = [&](std::string_view name) { return mail::equals_ignoring_case(keyword, name); };
  if (is("STARTTLS")) capabilities.starttls = true;
  if (is("PIPELINING")) capabilities.pipelining = true;
  if (is("8BITMIME")) capabilities.eight_bit_mime = true;
  if (is("DSN")) capabilities.dsn = true;
  if (is("SMTPUTF8")) capabilities.smtputf8 = true;
  if (is("AUTH")) capabilities.auth = std::string(line);
  if (is("SIZE")) {
    capabilities.size = true;
    std::from_chars(line.data(), line.data() + line.size(), capabilities.max_size);
  }
}

net::Task<net::Result<net::TcpSocket>> connect(Endpoint endpoint, net::Clock::duration limit) {
  auto executor = co_await net::asio::this_coro::executor;
  net::TcpSocket socket(executor);
  net::Timer timer(executor, limit);
  auto group = net::asio::experimental::make_parallel_group(
      socket.async_connect(endpoint, net::asio::deferred), timer.async_wait(net::asio::deferred));
  auto [order, error, waited] = co_await group.async_wait(
      net::asio::experimental::wait_for_one(), net::asio::use_awaitable_t<net::Executor>{});
  if (order[0] == 1 && !waited) co_return net::asio::error::timed_out;
  if (error) co_return error;
  net::error_code ignored;
  socket.set_option(net::asio::ip::tcp::no_delay(true), ignored);
  co_return socket;
}

}  // namespace

Capabilities Capabilities::of(const mail::Reply& reply) {
  Capabilities capabilities;
  std::string_view text = reply.text;
  take_until(text, '\n');  // the server's name
  while (!text.empty()) take_keyword(take_until(text, '\n'), capabilities);
  return capabilities;
}

net::Task<OpenedSession> Session::open(std::shared_ptr<const SessionSetup> setup, AuthDesk& auth,
                                       Hop hop, bool in_clear) {
  net::Result<net::TcpSocket> socket = co_await connect(hop.endpoint, setup->limits.connect);
  if (!socket) {
    std::string words = "cannot connect to " + hop.text() + ": " + words_of(socket.error());
    co_return Trouble{Kind::unreachable, mail::Reply{451, {4, 4, 1}, words}, words};
  }
  std::unique_ptr<Session> session(
      new Session(std::move(setup), std::move(*socket), std::move(hop)));
  Step trouble = co_await session->establish(auth, in_clear);
  if (trouble) co_return std::move(*trouble);
  co_return std::move(session);
}

net::Task<Session::Step> Session::establish(AuthDesk& auth, bool in_clear) {
  const Hop& to = hop();
  Step trouble;
  if (to.tls == frames::HopTls::implicit) trouble = co_await handshake();
  if (!trouble) trouble = co_await greet();
  if (!trouble) trouble = co_await say_hello();
  const bool is_tls_wanted = to.tls == frames::HopTls::starttls ||
                             (to.tls == frames::HopTls::opportunistic && capabilities_.starttls);
  if (!trouble && is_tls_wanted && !in_clear) trouble = co_await start_tls();
  if (!trouble && !to.user.empty()) {
    trouble = co_await log_in(dialogue_, auth, capabilities_.auth, setup_->limits);
  }
  co_return trouble;
}

// A 5xx greeting (RFC 5321, 3.1) speaks of that host only: the next may be kinder (behaviour 66).
net::Task<Session::Step> Session::greet() {
  net::Result<mail::Reply> reply = co_await dialogue_.read_reply(setup_->limits.greeting);
  if (!reply) co_return dialogue_.failed(Kind::unreachable, "its greeting", reply.error());
  if (reply->code != 220) {
    co_return dialogue_.refused(Kind::unreachable, "the connection", std::move(*reply));
  }
  co_return check_name(*reply);
}

net::Task<Session::Step> Session::say_hello() {
  net::Result<mail::Reply> reply =
      co_await dialogue_.ask("EHLO " + setup_->hostname, setup_->limits.command);
  if (!reply) co_return dialogue_.failed(Kind::unreachable, "EHLO", reply.error());
  capabilities_ = {};
  if (reply->is_positive()) {
    capabilities_ = Capabilities::of(*reply);
    co_return check_name(*reply);
  }
  if (!reply->is_permanent()) {
    co_return dialogue_.refused(Kind::unreachable, "EHLO", std::move(*reply));
  }
  reply = co_await dialogue_.ask("HELO " + setup_->hostname, setup_->limits.command);
  if (!reply) co_return dialogue_.failed(Kind::unreachable, "HELO", reply.error());
  if (!reply->is_positive()) {
    co_return dialogue_.refused(Kind::unreachable, "HELO", std::move(*reply));
  }
  co_return Step();
}

// An MX that has our name is ourselves (behaviour 60). A relayhost is what the operator says it is: on one machine, a server
// and its next hop may well greet with the same name.
Session::Step Session::check_name(const mail::Reply& reply) const {
  std::string_view text = reply.text;
  const std::string_view name = take_until(text, '\n');
  const std::string_view first_word = name.substr(0, name.find(' '));
  const bool is_our_name = mail::equals_ignoring_case(first_word, setup_->hostname);
  if (hop().is_relayhost || !is_our_name) return {};
  return dialogue_.trouble(Kind::loop, mail::Reply{554, {5, 4, 6}, "mail loops back to ourselves"});
}

// RFC 3207, 4. A server that does not want it now is left alone where TLS is only an opportunity.
net::Task<Session::Step> Session::start_tls() {
  const bool is_required = hop().tls != frames::HopTls::opportunistic;
  if (!capabilities_.starttls) {
    co_return dialogue_.trouble(
        Kind::route, mail::Reply{451, {4, 7, 4}, "no STARTTLS is offered, but it is required"});
  }
  net::Result<mail::Reply> reply = co_await dialogue_.ask("STARTTLS", setup_->limits.command);
  if (!reply) co_return dialogue_.failed(Kind::unreachable, "STARTTLS", reply.error());
  if (reply->code != 220) {
    if (!is_required && reply->code != 421) co_return Step();
    const Kind kind = is_required ? Kind::route : Kind::unreachable;
    co_return dialogue_.refused(kind, "STARTTLS", std::move(*reply));
  }
  // Whatever stands behind the reply was not sent by whom the handshake will prove (CVE-2011-0411). It is an attack, or a
  // broken server: in neither case is anything of ours sent, not even in clear.
  if (!dialogue_.stream().input().empty()) {
    co_return dialogue_.trouble(
        Kind::unreachable, mail::Reply{451, {4, 7, 0}, "clear bytes behind the reply to STARTTLS"});
  }
  Step trouble = co_await handshake();
  if (!trouble) trouble = co_await say_hello();
  co_return trouble;
}

net::Task<Session::Step> Session::handshake() {
  net::Stream& stream = dialogue_.stream();
  stream.expires_after(setup_->limits.handshake);
  net::Result<> done = co_await stream.connect_tls(setup_->tls, hop().host, hop().is_verified());
  if (done) co_return Step();
  // A certificate that is wrong is for the operator to look at; a handshake that breaks may go well the next time.
  Kind kind = Kind::unreachable;
  if (hop().tls == frames::HopTls::opportunistic) {
    kind = Kind::no_tls;
  } else if (stream.ssl() && SSL_get_verify_result(stream.ssl()) != X509_V_OK &&
             hop().is_verified()) {
    kind = Kind::route;
  }
  co_return dialogue_.trouble(kind, mail::Reply{451, {4, 7, 5}, "TLS: " + stream.tls_error()});
}

std::string Session::tls() const {
  const std::string text = dialogue_.stream().tls_text();
  if (text.empty()) return {};
  return text + (hop().is_verified() ? " verified" : " unverified");
}

bool Session::is_reusable(net::Clock::time_point now) const {
  return is_in_step && messages < max_messages && now - opened_ < setup_->limits.session;
}

}  // namespace postern::delivery
