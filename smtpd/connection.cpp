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

bool has_line(std::string_view input) { return input.find("\r\n") != std::string_view::npos; }

}  // namespace

/// A message between 354 and its reply. The queue hears of it with the first piece, so never of one whose header is refused.
struct Connection::Transfer {
  mail::MessageId id;
  mail::Envelope envelope;
  Intake intake;
  std::optional<Handover> handover;
};

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

Task<> Connection::run() {
  const bool is_open = co_await open();
  if (is_open) co_await serve();
  stream_.close();
  log_end();
}

// ── the dialogue ─────────────────────────────────────────────────────────────────────────────────────────────────────

Task<bool> Connection::open() {
  if (door_->policy->tls == frames::ListenerTls::implicit) {
    const bool is_secure = co_await shake_hands();
    if (!is_secure) co_return false;
  } else if (speaks_too_early()) {
    HangUp early{{554, {5, 5, 0}, "Wait for the greeting"},
                 "spoke before the greeting: TLS on a port that begins without?"};
    co_await act(std::move(early));
    co_return false;
  }
  session_.greeting().append_to(out_);
  co_return true;
}

// Whoever does not wait for a greeting does not listen to replies either. Clients in mynetworks are forgiven.
bool Connection::speaks_too_early() {
  error_code ignored;
  return stream_.socket().available(ignored) > 0 && !session_.permit();
}

Task<> Connection::serve() {
  while (!is_over()) {
    if (services_->is_draining) {
      HangUp drained{{421, {4, 3, 2}, "The server is shutting down, try again later"}, "drained"};
      co_await act(std::move(drained));
      co_return;
    }
    co_await take_command();
  }
}

Task<> Connection::take_command() {
  if (!has_line(stream_.input()) || out_.size() > max_unsent) {
    const bool is_sent = co_await flush();
    if (!is_sent) co_return;
  }
  stream_.expires_after(services_->patience.command);
  is_awaiting_command_ = true;
  Result<std::string> line = co_await stream_.read_line(Session::max_line);
  is_awaiting_command_ = false;
  if (line) {
    Action action = session_.on_line(*line);
    co_await perform(std::move(action));
  } else if (line.error() == net::asio::error::message_size) {
    Action action = session_.on_long_line();
    co_await perform(std::move(action));
  } else {
    co_await answer_read_error(line.error());
  }
}

Task<> Connection::answer_read_error(error_code error) {
  if (error == net::asio::error::timed_out) {
    HangUp idle{{421, {4, 4, 2}, "You were silent for too long"}, "idle"};
    co_await act(std::move(idle));
  } else if (error == net::asio::error::no_buffer_space) {
    HangUp endless{{421, {4, 7, 0}, "The line has no end"}, "endless line"};
    co_await act(std::move(endless));
  } else if (error == net::asio::error::eof) {
    end("the client closed the connection");
  } else if (!(error == net::asio::error::operation_aborted && services_->is_draining)) {
    end(error.message());  // to the client of a server that drains, `serve` says so
  }
}

Task<> Connection::perform(Action action) {
  Task<> done = std::visit([this](auto& any) { return act(std::move(any)); }, action);
  co_await std::move(done);
}

Task<> Connection::act(Say say) {
  log_notice(say);
  if (say.is_slowed) co_await net::sleep_for(services_->patience.slowdown);
  say.reply.append_to(out_);
}

Task<bool> Connection::flush() {
  if (out_.empty()) co_return true;
  stream_.expires_after(services_->patience.command);
  Result<> sent = co_await stream_.write(out_);
  out_ = std::string();
  if (!sent) end("replies were not taken: " + sent.error().message());
  co_return sent.has_value();
}

Task<> Connection::act(HangUp hang_up) {
  end(std::string(hang_up.reason));
  hang_up.reply.append_to(out_);
  stream_.expires_after(services_->patience.farewell);
  // The connection ends anyway: what the client does not take now it will never get.
  std::ignore = co_await stream_.write(out_);
}

void Connection::end(std::string reason) {
  if (ended_.empty()) ended_ = std::move(reason);
}

void Connection::drain() {
  if (!is_awaiting_command_) return;
  error_code ignored;
  stream_.socket().cancel(ignored);
}

// ── TLS and AUTH ─────────────────────────────────────────────────────────────────────────────────────────────────────

Task<> Connection::act(StartTls start) {
  // Whoever can write into the clear part of a connection must not have it executed in the trusted one (CVE-2011-0411).
  if (!stream_.input().empty()) {
    HangUp injected{{554, {5, 5, 0}, "Nothing may follow STARTTLS before the handshake"},
                    "clear bytes behind STARTTLS"};
    co_await act(std::move(injected));
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
  login_ = std::make_unique<LoginExchange>(
      services_->auth, std::move(begin.mechanism), std::move(begin.initial),
      net::asio::ip::make_address(client_), net::channel_bindings(stream_.ssl()));
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
  if (const auto* challenge = std::get_if<frames::Challenge>(&heard)) {
    Action action = session_.on_challenge(challenge->bytes);
    co_await perform(std::move(action));
    co_return;
  }
  const auto& verdict = std::get<frames::Verdict>(heard);
  log_login(verdict);
  login_.reset();
  Action action = session_.on_verdict(verdict);
  co_await perform(std::move(action));
}

// ── content ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Task<> Connection::act(TakeContent take) {
  take.reply.append_to(out_);
  const bool is_sent = co_await flush();
  if (!is_sent) co_return;
  const auto now = std::chrono::system_clock::now();
  const Policy& policy = *door_->policy;
  const mail::MessageId id = services_->ids.next(now);
  const Stamp stamp{policy.hostname, std::move(take.protocol), id, now, policy.hide_client};
  Submitter submitter{session_.identity(), {}};  // this is the place of the policy's domain
  Intake intake(std::move(submitter), policy.message_size, additions(take.envelope, stamp));
  Transfer transfer{id, std::move(take.envelope), std::move(intake), std::nullopt};
  Result<> is_read = co_await read_content(transfer);
  if (!is_read) {
    co_await answer_read_error(is_read.error());
    co_return;
  }
  mail::Reply reply = co_await finish(transfer);
  if (reply.is_positive()) ++accepted_;
  Action action = session_.on_content(std::move(reply));
  co_await perform(std::move(action));
}

Task<Result<>> Connection::read_content(Transfer& transfer) {
  const auto begun = Clock::now();
  std::uint64_t taken = 0;
  while (!transfer.intake.is_complete()) {
    if (stream_.input().empty()) {
      stream_.expires_after(content_limit(begun, taken));
      Result<> more = co_await stream_.read_more();
      if (!more) co_return more.error();
    }
    const std::size_t n = transfer.intake.feed(stream_.input());
    stream_.consume(n);
    taken += n;
    for (std::string chunk = transfer.intake.take_chunk(); !chunk.empty();
         chunk = transfer.intake.take_chunk()) {
      if (!transfer.handover) {
        transfer.handover.emplace(services_->queue, transfer.id, std::move(transfer.envelope));
      }
      transfer.handover->send(std::move(chunk));
      co_await transfer.handover->drained();
    }
  }
  co_return Result<>();
}

// A client that sends an octet now and then must not hold its place for days.
Clock::duration Connection::content_limit(Clock::time_point begun, std::uint64_t taken) const {
  const Patience& patience = services_->patience;
  const auto until = begun + patience.content + std::chrono::seconds(taken / slowest);
  return std::min(patience.content_pause, until - Clock::now());
}

Task<mail::Reply> Connection::finish(Transfer& transfer) {
  if (transfer.intake.refusal()) co_return *transfer.intake.refusal();
  mail::Reply reply = co_await transfer.handover->commit(services_->patience.queue);
  co_return reply;
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
