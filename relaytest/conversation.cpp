#include "relaytest/conversation.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <new>

#include "mail/ascii.h"

namespace postern::relaytest {
namespace {

namespace asio = net::asio;
using asio::ip::tcp;
using Who = Line::Who;

constexpr std::size_t max_reply_line = 4096;  // octets; RFC 5321, 4.5.3.1.5 allows 512
constexpr int max_surplus = 32;               // replies that nobody asked for
constexpr milliseconds goodbye_limit{5000};

std::string words_of(net::error_code error) {
  if (error == boost::system::errc::bad_message) return "the answer is not SMTP";
  if (error == asio::error::message_size) return "a line of the answer is too long";
  if (error == asio::error::no_buffer_space) return "a line of the answer has no end";
  if (error == asio::error::eof) return "the connection was closed";
  if (error == asio::error::timed_out) return "no answer in time";
  return error.message();
}

bool is_closed(net::error_code error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe;
}

/// Does the answer to EHLO offer it (RFC 5321, 4.1.1.1)?
bool offers(const mail::Reply& capabilities, std::string_view keyword) {
  std::string_view text = capabilities.text;
  for (bool is_first = true; !text.empty(); is_first = false) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string_view word = line.substr(0, line.find(' '));
    if (!is_first && mail::equals_ignoring_case(word, keyword)) return true;
  }
  return false;
}

bool is_in_several_lines(std::string_view command) {
  return command.find_first_of("\r\n") != command.npos;
}

}  // namespace

Conversation::Conversation(const Script& script, const Door& door, const std::string& server,
                           net::SslContext tls, Patience patience, ProbeResult probe, bool with_tls)
    : script_(script),
      door_(door),
      server_(server),
      tls_(std::move(tls)),
      patience_(patience),
      with_tls_(with_tls || script.starttls) {
  attempt_.probe = std::move(probe);
  attempt_.probe.outcome = Outcome::not_tried;
  attempt_.probe.step.clear();
  attempt_.probe.reply.clear();
  attempt_.probe.tls.clear();
  attempt_.probe.has_recipient_accepted = false;
}

net::Task<Attempt> Conversation::hold() {
  co_await speak();
  co_await say_goodbye();
  attempt_.probe.transcript = transcript_.take();
  attempt_.probe.answered_at = system_clock::now();
  co_return std::move(attempt_);
}

net::Task<bool> Conversation::speak() {
  net::Executor executor = co_await asio::this_coro::executor;
  net::TcpSocket socket(executor);
  bool goes_on = co_await connect(socket);
  if (!goes_on) co_return false;
  stream_ = std::make_unique<net::Stream>(std::move(socket));
  goes_on = co_await open();
  if (!goes_on) co_return false;
  if (script_.kind == Kind::question) {
    goes_on = co_await ask_question();
    co_return goes_on;
  }
  goes_on = co_await claim();
  if (!goes_on) co_return false;
  goes_on = co_await transact();
  co_return goes_on;
}

// ── before the first MAIL ────────────────────────────────────────────────────────────────────────────────────────────

net::Task<bool> Conversation::connect(net::TcpSocket& socket) {
  const tcp::endpoint endpoint(door_.address, door_.port);
  note(fmt::format("connecting to {}, port {}", door_.address.to_string(), door_.port));
  net::error_code error;
  socket.open(endpoint.protocol(), error);
  if (!error && !door_.source.is_unspecified()) socket.bind({door_.source, 0}, error);
  if (!error) {
    net::Timer timer(socket.get_executor(), std::min(patience_.reply, patience_.whole));
    auto group = asio::experimental::make_parallel_group(
        socket.async_connect(endpoint, asio::deferred), timer.async_wait(asio::deferred));
    auto [order, connected, waited] = co_await group.async_wait(
        asio::experimental::wait_for_one(), asio::use_awaitable_t<net::Executor>{});
    error = order[0] == 1 && !waited ? net::error_code(asio::error::timed_out) : connected;
  }
  if (error) {
    fail("connect", error);
    co_return false;
  }
  net::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  co_return true;
}

net::Task<bool> Conversation::open() {
  bool goes_on = true;
  if (!script_.preface.empty()) goes_on = co_await send("greeting", script_.preface);
  if (goes_on && door_.tls == Door::Tls::implicit) goes_on = co_await handshake();
  if (goes_on) goes_on = co_await greet();
  if (goes_on && with_tls_) goes_on = co_await start_tls();
  if (goes_on && !script_.hello.empty()) goes_on = co_await say_hello(script_.hello);
  co_return goes_on;
}

net::Task<bool> Conversation::greet() {
  const bool is_answered = co_await read_reply("greeting");
  attempt_.has_greeted = is_answered || !attempt_.farewell.empty();
  if (attempt_.has_greeted) attempt_.greeting = reply_.one_line();
  if (!is_answered) co_return false;
  if (!is_positive("greeting")) co_return false;
  // A server that knows nothing of the preface has taken it for commands.
  if (!script_.preface.empty()) co_await read_surplus();
  co_return true;
}

net::Task<bool> Conversation::say_hello(std::string command) {
  const std::string verb = command.substr(0, 4);
  bool is_answered = co_await ask(verb, command);
  if (!is_answered) co_return false;
  capabilities_ = reply_;
  if (reply_.is_permanent() && command.starts_with("EHLO")) {
    capabilities_ = {};
    command.replace(0, 4, "HELO");
    is_answered = co_await ask("HELO", command);
    if (!is_answered) co_return false;
  }
  co_return is_positive(command.substr(0, 4));
}

/// From EHLO, which says whether there is STARTTLS, to the handshake; a hello has to follow (RFC 3207, 4.2).
net::Task<bool> Conversation::start_tls() {
  if (!script_.starttls) note("this server takes mail only under TLS");
  bool goes_on = co_await say_hello(script_.tls_hello);
  if (!goes_on) co_return false;
  if (!is_in_clear() || !offers(capabilities_, "STARTTLS")) {
    const char* const why =
        is_in_clear() ? "STARTTLS is not offered" : "the connection is encrypted already";
    decide(Outcome::not_offered, "STARTTLS", why);
    co_return false;
  }
  std::string command = "STARTTLS\r\n" + script_.behind_starttls;
  goes_on = co_await ask("STARTTLS", std::move(command));
  if (!goes_on) co_return false;
  if (reply_.is_permanent()) {
    // It was offered all the same; that says nothing about relaying. Who has asked for it (530) has still to be asked.
    Outcome outcome = script_.starttls ? Outcome::not_offered : Outcome::broken_off;
    if (!script_.behind_starttls.empty()) outcome = Outcome::refused;
    decide(outcome, "STARTTLS", reply_.one_line());
    co_return false;
  }
  if (!is_positive("STARTTLS")) co_return false;
  goes_on = co_await handshake();
  if (!goes_on || script_.behind_starttls.empty()) co_return goes_on;
  const int surplus = co_await read_surplus();
  if (surplus > 0) {
    note("the server has run, as if they had been encrypted, commands that were sent in clear");
  }
  co_return true;
}

net::Task<bool> Conversation::handshake() {
  is_usable_ = false;
  limit_to(patience_.reply);
  const net::Result<> done = co_await stream_->connect_tls(tls_, server_, false);
  if (!done) {
    note("TLS: " + stream_->tls_error());
    fail("TLS", done.error());
    co_return false;
  }
  is_usable_ = true;
  attempt_.probe.tls = stream_->tls_text();
  note(attempt_.probe.tls);
  co_return true;
}

net::Task<bool> Conversation::claim() {
  for (const std::string& line : script_.claims) {
    const bool is_answer = line.starts_with('|');
    if (is_answer && reply_.code != 334) continue;
    std::string command = is_answer ? line.substr(1) : line;
    const bool is_answered = co_await ask("claim", std::move(command));
    if (!is_answered) co_return false;
  }
  if (reply_.code == 334) {  // it asks on, and we have nothing to say (RFC 4954, 4)
    const bool is_answered = co_await ask("claim", "*");
    if (!is_answered) co_return false;
  }
  co_return true;
}

// ── the transaction ──────────────────────────────────────────────────────────────────────────────────────────────────

net::Task<bool> Conversation::transact() {
  if (script_.chunking && !offers(capabilities_, "CHUNKING")) {
    decide(Outcome::not_offered, "BDAT", "CHUNKING is not offered");
    co_return false;
  }
  bool is_answered = co_await ask("MAIL", script_.mail);
  if (!is_answered || !is_positive("MAIL")) co_return false;
  if (!script_.also_rcpt.empty()) {
    is_answered = co_await ask("RCPT", script_.also_rcpt);
    if (!is_answered) co_return false;
  }
  is_answered = co_await ask("RCPT", script_.rcpt);
  if (!is_answered || !is_positive("RCPT")) co_return false;
  attempt_.probe.has_recipient_accepted = true;
  const bool goes_on = co_await send_content();
  co_return goes_on;
}

net::Task<bool> Conversation::send_content() {
  bool goes_on = true;
  if (script_.chunking) {
    const std::string command = fmt::format("BDAT {} LAST\r\n", script_.content.size());
    goes_on = co_await send("content", command);
  } else {
    goes_on = co_await ask("DATA", "DATA");
    if (goes_on && reply_.code != 354) {
      // 2xx is no answer to DATA: who says it does not know what it says.
      if (is_positive("DATA")) decide(Outcome::broken_off, "DATA", reply_.one_line());
      co_return false;
    }
  }
  if (goes_on) goes_on = co_await send("content", script_.content);
  if (goes_on) goes_on = co_await read_reply("content");
  if (!goes_on) co_return false;
  if (is_positive("content")) decide(Outcome::accepted, "content", reply_.one_line());
  // Whatever becomes of the message around it, the hidden one may have been taken.
  if (script_.kind == Kind::smuggling) {
    const int surplus = co_await read_surplus();
    attempt_.probe.has_surplus_replies = surplus > 0;
    if (surplus > 0)
      note("the server answered as if a second message had begun in the content of the first");
  }
  co_return true;
}

// 252 is a polite refusal to tell (RFC 5321, 3.5.3).
net::Task<bool> Conversation::ask_question() {
  const std::string step = script_.question.substr(0, script_.question.find(' '));
  const bool is_answered = co_await ask(step, script_.question);
  if (!is_answered) co_return false;
  if (reply_.code == 252) {
    decide(Outcome::refused, step, reply_.one_line());
  } else if (is_positive(step)) {
    decide(Outcome::answered, step, reply_.one_line());
  }
  co_return true;
}

net::Task<> Conversation::say_goodbye() {
  if (!stream_) co_return;
  if (is_usable_) {
    transcript_.add(Who::client, "QUIT");
    limit_to(std::min(patience_.reply, goodbye_limit));
    const net::Result<> sent = co_await stream_->write("QUIT\r\n");
    if (sent) co_await next_reply(std::min(patience_.reply, goodbye_limit));
  }
  stream_->close();
}

// ── commands and replies ─────────────────────────────────────────────────────────────────────────────────────────────

net::Task<bool> Conversation::ask(std::string_view step, std::string command) {
  if (!door_.trouble.empty()) {  // meanwhile another connection was told to leave
    note("ended: " + door_.trouble);
    co_return false;
  }
  if (!command.ends_with("\r\n")) command += "\r\n";
  bool goes_on = co_await send(step, command);
  if (goes_on) goes_on = co_await read_reply(step);
  if (!goes_on) co_return false;
  // A command with a line end inside may be two to the server: the last answer is the one to ours.
  const std::string_view inside(command.data(), command.size() - 2);
  if (step != "STARTTLS" && is_in_several_lines(inside)) co_await read_surplus();
  co_return true;
}

net::Task<bool> Conversation::send(std::string_view step, std::string_view bytes) {
  transcript_.add_sent(bytes);
  limit_to(patience_.reply);
  is_usable_ = false;
  const net::Result<> sent = co_await stream_->write(bytes);
  // A server that hangs up while we write has mostly said why before.
  if (sent || is_closed(sent.error())) co_return true;
  fail(step, sent.error());
  co_return false;
}

/// False, too, where it is a 421: with that, the server ends the conversation (RFC 5321, 3.8).
net::Task<bool> Conversation::read_reply(std::string_view step) {
  net::Result<mail::Reply> reply = co_await next_reply(patience_.reply);
  if (!reply) {
    fail(step, reply.error());
    co_return false;
  }
  reply_ = std::move(*reply);
  is_usable_ = true;
  if (reply_.code != 421) co_return true;
  is_usable_ = false;
  attempt_.farewell = reply_.one_line();
  decide(Outcome::deferred, step, reply_.one_line());
  co_return false;
}

/// Reads what comes beyond the replies that were asked for, and says how many; the last one is `reply_`.
net::Task<int> Conversation::read_surplus() {
  for (int n = 0;; ++n) {
    if (n == max_surplus) co_return n;
    net::Result<mail::Reply> reply = co_await next_reply(patience_.surplus);
    if (!reply) {
      is_usable_ = reply.error() == asio::error::timed_out;
      co_return n;
    }
    reply_ = std::move(*reply);
    if (reply_.code == 421) attempt_.farewell = reply_.one_line();
  }
}

net::Task<net::Result<mail::Reply>> Conversation::next_reply(net::Clock::duration limit) {
  limit_to(limit);
  mail::ReplyParser parser;
  for (;;) {
    net::Result<std::string> line = co_await stream_->read_line(max_reply_line);
    if (!line) co_return line.error();
    transcript_.add(Who::server, *line);
    const mail::Parsed<bool> is_complete = parser.add_line(*line);
    if (!is_complete) co_return make_error_code(boost::system::errc::bad_message);
    if (*is_complete) co_return parser.take();
  }
}

void Conversation::limit_to(net::Clock::duration limit) {
  const auto left = begun_ + patience_.whole - net::Clock::now();
  stream_->expires_after(
      std::clamp<net::Clock::duration>(left, net::Clock::duration::zero(), limit));
}

// ── decisions ────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Is the last reply 2xx? If not, it decides.
bool Conversation::is_positive(std::string_view step) {
  if (reply_.is_positive()) return true;
  const bool speaks_of_tls = reply_.code == 530 && (step == "MAIL" || step == "RCPT");
  attempt_.insists_on_tls = speaks_of_tls && is_in_clear() && offers(capabilities_, "STARTTLS");
  Outcome outcome = Outcome::broken_off;  // 3xx where none belongs
  if (reply_.is_transient()) outcome = Outcome::deferred;
  if (reply_.is_permanent()) outcome = Outcome::refused;
  decide(outcome, step, reply_.one_line());
  return false;
}

void Conversation::decide(Outcome outcome, std::string_view step, std::string words) {
  attempt_.probe.outcome = outcome;
  attempt_.probe.step = step;
  attempt_.probe.reply = std::move(words);
}

/// Only what comes behind our rudeness can be an answer to it. Who has taken the recipient may have taken the message, too.
bool Conversation::was_rude(std::string_view step) const {
  if (!script_.is_rude || !stream_ || attempt_.probe.has_recipient_accepted) return false;
  if (!script_.preface.empty()) return true;
  if (!script_.behind_starttls.empty()) return step == "STARTTLS" || !is_in_clear();
  return step == "MAIL" || step == "RCPT";
}

void Conversation::fail(std::string_view step, net::error_code error) {
  is_usable_ = false;
  const std::string words = words_of(error);
  note(words);
  Outcome outcome = was_rude(step) ? Outcome::refused : Outcome::broken_off;
  if (error == asio::error::timed_out) outcome = Outcome::no_answer;
  decide(outcome, step, words);
}

}  // namespace postern::relaytest
