#include "smtpd/connection.h"

#include <algorithm>
#include <utility>

#include "net/channel_bindings.h"
#include "net/log.h"

namespace postern::smtpd {
namespace {

using net::Clock;
using net::error_code;
using net::Result;
using net::Task;

// Replies to pipelined commands leave together, up to this: a client that does not read must not make us hoard.
constexpr std::size_t max_unsent = 16 * 1024;
constexpr std::size_t likely_content = 8 * 1024;  // octets: most messages come in one read

bool has_line(std::string_view input) { return input.find("\r\n") != std::string_view::npos; }

Task<> nothing() { co_return; }

}  // namespace

Connection::Connection(net::TcpSocket socket, mail::IpAddress client, std::string session_name,
                       std::shared_ptr<const Door> door, std::shared_ptr<Services> services)
    : door_(std::move(door)),
      services_(std::move(services)),
      stream_(std::move(socket)),
      client_(client.to_string()),
      name_(std::move(session_name)),
      session_(door_->policy, services_->queue.admission(), std::move(client)) {
  services_->connections.insert(this);
}

Connection::~Connection() { services_->connections.erase(this); }

// ── the dialogue ─────────────────────────────────────────────────────────────────────────────────────────────────────

// Sessions wait here for a command, thousands of them: a coroutine keeps room for all that it ever holds, so what is not
// needed meanwhile has its place in others, and they come and go.
Task<> Connection::run() {
  const bool is_open = co_await open();
  while (is_open && !is_over()) {
    if (services_->is_draining && !session_.is_within_message()) {
      Task<> farewell = say_drained();
      co_await std::move(farewell);
      break;
    }
    if (!has_line(stream_.input()) || out_.size() > max_unsent) {
      const bool is_sent = co_await flush();
      if (!is_sent) break;
    }
    stream_.expires_after(services_->patience.command);
    is_awaiting_command_ = true;
    Result<> begun;  // read_line's own room is taken only when something is there
    if (stream_.input().empty()) begun = co_await stream_.read_more();
    Result<std::string> line = std::string();
    if (begun) line = co_await stream_.read_line(Session::max_line);
    is_awaiting_command_ = false;
    Task<> done = begun ? obey(line) : answer_read_error(begun.error());
    co_await std::move(done);
  }
  stream_.close();
  log_end();
}

Task<bool> Connection::open() {
  if (door_->policy->tls == frames::ListenerTls::implicit) {
    const bool is_secure = co_await shake_hands();
    if (!is_secure) co_return false;
  } else if (speaks_too_early()) {
    Task<> farewell = act(HangUp{{554, {5, 5, 0}, "Wait for the greeting"},
                                 "spoke before the greeting: TLS on a port that begins without?"});
    co_await std::move(farewell);
    co_return false;
  }
  session_.greeting().append_to(out_);
  co_return true;
}

// Whoever does not wait for a greeting does not listen to replies either. Clients in mynetworks are forgiven.
bool Connection::speaks_too_early() {
  error_code ignored;
  return !session_.permit() && stream_.socket().available(ignored) > 0;
}

Task<> Connection::say_drained() {
  return act(HangUp{{421, {4, 3, 2}, "The server is shutting down, try again later"}, "drained"});
}

Task<> Connection::obey(const Result<std::string>& line) {
  if (!line && line.error() != net::asio::error::message_size) {
    return answer_read_error(line.error());
  }
  Action action =
      line ? session_.on_line(*line, !stream_.input().empty()) : session_.on_long_line();
  if (!session_.is_within_message()) transfer_.reset();  // RSET and the like
  return perform(std::move(action));
}

Task<> Connection::answer_read_error(error_code error) {
  if (error == net::asio::error::timed_out) {
    return act(HangUp{{421, {4, 4, 2}, "You were silent for too long"}, "idle"});
  }
  if (error == net::asio::error::no_buffer_space) {
    return act(HangUp{{421, {4, 7, 0}, "The line has no end"}, "endless line"});
  }
  if (error == net::asio::error::eof) {
    end("the client closed the connection");
  } else if (!(error == net::asio::error::operation_aborted && services_->is_draining)) {
    end(error.message());  // to the client of a server that drains, `run` says so
  }
  return nothing();
}

Task<> Connection::perform(Action action) {
  return std::visit([this](auto& any) { return act(std::move(any)); }, action);
}

Task<> Connection::act(Say say) {
  log_notice(say);
  if (say.is_slowed) co_await net::sleep_for(services_->patience.slowdown);
  say.reply.append_to(out_);
}

Task<bool> Connection::flush() {
  if (out_.empty()) co_return true;
  stream_.expires_after(services_->patience.command);
  const std::string replies = std::exchange(out_, {});  // and their memory goes with them
  Result<> sent = co_await stream_.write(replies);
  if (!sent) end("replies were not taken: " + sent.error().message());
  co_return sent.has_value();
}

Task<> Connection::act(HangUp hang_up) {
  end(std::string(hang_up.reason));
  hang_up.reply.append_to(out_);
  stream_.expires_after(services_->patience.farewell);
  // The connection ends anyway: what the client does not take now it will never get.
  std::ignore = co_await stream_.write_last(out_);
}

void Connection::end(std::string reason) {
  if (ended_.empty()) ended_ = std::move(reason);
}

void Connection::drain() {
  if (!is_awaiting_command_ || session_.is_within_message()) return;
  error_code ignored;
  stream_.socket().cancel(ignored);
}

// ── TLS and AUTH ─────────────────────────────────────────────────────────────────────────────────────────────────────

Task<> Connection::act(StartTls start) {
  // Whoever can write into the clear part of a connection must not have it executed in the trusted one (CVE-2011-0411).
  if (!stream_.input().empty()) {
    Task<> farewell =
        act(HangUp{{554, {5, 5, 0}, "Nothing may follow STARTTLS before the handshake"},
                   "clear bytes behind STARTTLS"});
    co_await std::move(farewell);
    co_return;
  }
  start.reply.append_to(out_);
  const bool is_sent = co_await flush();
  if (is_sent) std::ignore = co_await shake_hands();
}

Task<bool> Connection::shake_hands() {
  stream_.expires_after(services_->patience.handshake);
  Result<> done = co_await stream_.accept_tls(door_->tls);
  if (!done) {
    end("TLS: " + (stream_.tls_error().empty() ? done.error().message() : stream_.tls_error()));
    co_return false;
  }
  session_.on_tls(stream_.tls_text());
  co_return true;
}

Task<> Connection::act(BeginLogin begin) {
  frames::ChannelBindings bindings;  // costly to make, and other mechanisms do not bind
  if (begin.mechanism.ends_with("-PLUS")) bindings = net::channel_bindings(stream_.ssl());
  login_ = std::make_unique<LoginExchange>(
      services_->auth, std::move(begin.mechanism), std::move(begin.initial),
      net::asio::ip::make_address(client_), std::move(bindings));
  co_await hear_auth();
}

Task<> Connection::act(AnswerChallenge answer) {
  login_->send(std::move(answer.bytes));
  co_await hear_auth();
}

Task<> Connection::act(CancelLogin cancel) {
  login_.reset();
  cancel.reply.append_to(out_);
  co_return;
}

Task<> Connection::hear_auth() {
  frames::AuthToSmtpd heard = co_await login_->next(services_->patience.login);
  Task<> done = obey(heard);
  co_await std::move(done);
}

Task<> Connection::obey(const frames::AuthToSmtpd& heard) {
  if (const auto* challenge = std::get_if<frames::Challenge>(&heard)) {
    return perform(session_.on_challenge(challenge->bytes));
  }
  const auto& verdict = std::get<frames::Verdict>(heard);
  log_login(verdict);
  login_.reset();
  return perform(session_.on_verdict(verdict));
}

// ── content ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Task<> Connection::act(TakeContent take) {
  take.reply.append_to(out_);
  begin_transfer(std::move(take.message), Framing::data);
  while (!transfer_->is_complete()) {
    const bool has_come = co_await await_content(transfer_->pace());
    if (!has_come) co_return;
    stream_.consume(transfer_->feed(stream_.input()));
    co_await transfer_->pass_on();
  }
  co_await finish_transfer();
}

// The octets of a refused chunk are read, too: they are no commands.
Task<> Connection::act(TakeChunk chunk) {
  if (chunk.message) begin_transfer(std::move(*chunk.message), Framing::bdat);
  Pace refused;
  for (std::uint64_t left = chunk.size; left != 0;) {
    const bool has_come = co_await await_content(chunk.refusal ? refused : transfer_->pace());
    if (!has_come) co_return;
    const std::string_view octets = stream_.input().substr(0, left);
    left -= octets.size();
    if (chunk.refusal) {
      refused.took(octets.size());
    } else {
      transfer_->feed_chunk(octets);
    }
    stream_.consume(octets.size());
    if (!chunk.refusal) co_await transfer_->pass_on();
  }
  if (chunk.is_last && !chunk.refusal) {
    transfer_->end_chunks();
    co_await transfer_->pass_on();
    co_await finish_transfer();
    co_return;
  }
  if (!chunk.refusal) chunk.refusal = transfer_->refusal();
  mail::Reply taken{250, {2, 0, 0}, std::to_string(chunk.size) + " octets"};
  Task<> done =
      perform(session_.on_chunk(chunk.refusal ? std::move(*chunk.refusal) : std::move(taken)));
  co_await std::move(done);
}

void Connection::begin_transfer(Message message, Framing framing) {
  const mail::MessageId id = services_->ids.next(std::chrono::system_clock::now());
  transfer_ = std::make_unique<Transfer>(services_->queue, id, std::move(message), framing,
                                         *door_->policy, session_.identity());
}

/// Until some content is there to be read; false: none will come.
Task<bool> Connection::await_content(const Pace& pace) {
  if (!stream_.input().empty()) co_return true;
  const bool is_sent = co_await flush();  // the client may wait for our replies
  if (!is_sent) co_return false;
  stream_.expires_after(pace.limit(services_->patience));
  Result<> more = co_await stream_.read_more(likely_content);
  if (!more) co_await answer_read_error(more.error());
  co_return more.has_value();
}

Task<> Connection::finish_transfer() {
  mail::Reply reply = co_await transfer_->finish(services_->patience.queue);
  transfer_.reset();
  if (reply.is_positive()) ++accepted_;
  Task<> done = perform(session_.on_content(std::move(reply)));
  co_await std::move(done);
}

// ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────────

void Connection::log_notice(const Say& say) const {
  if (say.notice == Notice::refused) {
    net::log("refused", {{"client", client_},
                         {"session", name_},
                         {"command", say.about},
                         {"reply", say.reply.one_line()}});
  } else if (say.notice == Notice::leaked) {
    net::log(net::Level::warning, "password-leaked",
             {{"client", client_},
              {"session", name_},
              {"command", say.about},
              {"reason", "sent without TLS, and refused: whoever listened can use it"}});
  }
}

void Connection::log_login(const frames::Verdict& verdict) const {
  static constexpr std::string_view results[] = {"accepted", "refused", "malformed", "unavailable",
                                                 "throttled"};
  net::log("login", {{"client", client_},
                     {"session", name_},
                     {"mechanism", login_->mechanism()},
                     {"result", results[static_cast<std::size_t>(verdict.result)]},
                     {"login", verdict.identity.login}});
}

// One line for all of a session: who came, and how it went.
void Connection::log_end() const {
  const std::chrono::duration<double> lasted = Clock::now() - begun_;
  net::log("disconnected", {{"client", client_},
                            {"session", name_},
                            {"reason", ended_},
                            {"tls", stream_.tls_text()},
                            {"messages", accepted_},
                            {"seconds", lasted.count()}});
}

}  // namespace postern::smtpd
