#include "delivery/transaction.h"

#include <fmt/format.h>

#include <algorithm>

#include "delivery/dsn_parameters.h"
#include "net/checksum.h"

namespace postern::delivery {
namespace {

using Kind = Trouble::Kind;

constexpr std::uint16_t service_closing = 421;  // RFC 5321, 3.8: may come in answer to any command

// A reply that was expected to be positive, and is not: never lets anything count as delivered.
mail::Outcome outcome_of_refusal(mail::Reply reply) {
  if (reply.is_permanent()) return mail::Failed{std::move(reply)};
  return mail::Deferred{std::move(reply)};
}

// "Too many recipients" is 452, and from old servers 552 (RFC 5321, 4.5.3.1.10), unless the status says that it is about
// the mailbox (RFC 3463, 3.3).
bool is_too_many(const mail::Reply& reply) {
  if (reply.code == 452) return reply.status.subject != 2;
  return reply.code == 552 && (!reply.status.is_given() || reply.status.subject == 5);
}

// "Authentication required" and its like (RFC 4954, 6): from a relayhost, a word about our configuration, not about a message.
bool is_about_login(const mail::Reply& reply) {
  return reply.code == 530 || reply.code == 534 || reply.code == 535 || reply.code == 538;
}

class Sender {
 public:
  Sender(Session& session, Message message, std::vector<std::uint32_t> recipients)
      : session_(session),
        dialogue_(session.dialogue()),
        message_(message),
        recipients_(std::move(recipients)),
        is_accepted_(recipients_.size(), false),
        too_many_(recipients_.size()) {
    result_.outcomes.resize(recipients_.size());
  }

  net::Task<Transaction> run();

 private:
  // The commands in their order: RSET where it is needed, MAIL, one RCPT for each recipient, DATA.
  enum class Command { rset, mail, rcpt, data };
  struct Step {
    Command command;
    std::size_t recipient = 0;  // of RCPT
  };

  [[nodiscard]] std::optional<Trouble> unsuited() const;
  [[nodiscard]] std::vector<Step> steps() const;
  void append(const Step& step);
  [[nodiscard]] std::string_view name_of(Command command) const;
  [[nodiscard]] net::Clock::duration limit_of(Command command) const;

  net::Task<> say_envelope();
  net::Task<> read_replies(std::vector<Step> steps);
  void take(const Step& step, mail::Reply reply);
  void take_recipient_reply(std::size_t recipient, mail::Reply reply);
  [[nodiscard]] bool is_over() const { return is_broken_ || refusal_.has_value(); }
  [[nodiscard]] bool has_accepted() const { return std::ranges::count(is_accepted_, true) > 0; }

  net::Task<> send_content();
  net::Task<> send_pieces();
  net::Task<> send_end();
  net::Task<> send_lone_dot();
  net::Task<> hear_last_words(net::error_code error);

  void note_closing(const mail::Reply& reply);
  void break_off(Trouble trouble);
  void decide_accepted(const mail::Outcome& outcome);
  void decide_all(const mail::Outcome& outcome);
  void defer_left_over();

  Session& session_;
  Dialogue& dialogue_;
  Message message_;
  std::vector<std::uint32_t> recipients_;
  std::vector<bool> is_accepted_;
  std::vector<std::optional<mail::Reply>> too_many_;
  std::optional<mail::Reply> refusal_;  // of MAIL
  std::optional<mail::Reply> data_;     // the reply to DATA
  bool is_broken_ = false;
  bool is_delivered_ = false;
  std::string out_;
  Stuffing stuffing_;
  Transaction result_;
};

net::Task<Transaction> Sender::run() {
  result_.trouble = unsuited();
  if (result_.trouble) co_return std::move(result_);
  const auto content_time = seconds(message_.lease.size / least_rate);
  dialogue_.finish_before(net::Clock::now() + transaction_limit + content_time);
  session_.is_in_step = false;  // until the last reply is there
  co_await say_envelope();
  if (!is_broken_ && data_) co_await send_content();
  dialogue_.finish_before(net::Clock::time_point::max());
  session_.is_in_step = !is_broken_;
  if (!is_broken_) defer_left_over();
  co_return std::move(result_);
}

std::optional<Trouble> Sender::unsuited() const {
  const Capabilities& can = session_.capabilities();
  // RFC 1870, 6.1: a larger one would be refused after it was sent (behaviour 72).
  if (can.max_size > 0 && message_.lease.size > can.max_size) {
    auto text = fmt::format("the message has {} octets, the server takes {}", message_.lease.size,
                            can.max_size);
    return dialogue_.trouble(Kind::unsuited, mail::Reply{552, {5, 3, 4}, std::move(text)});
  }
  // RFC 6531, 3.2: neither sent as it is, nor changed.
  if (message_.lease.needs_utf8 && !can.smtputf8) {
    return dialogue_.trouble(
        Kind::unsuited,
        mail::Reply{550, {5, 6, 7}, "the server does not take addresses and headers in UTF-8"});
  }
  // RFC 6152, 3: to be converted, or returned. Postern does not convert yet, so that is for another hop, or the end.
  if (message_.inspection.has_eight_bit && !can.eight_bit_mime) {
    return dialogue_.trouble(Kind::unsuited,
                             mail::Reply{554, {5, 6, 3}, "the server does not take 8-bit content"});
  }
  return std::nullopt;
}

std::vector<Sender::Step> Sender::steps() const {
  std::vector<Step> steps;
  if (session_.needs_reset) steps.push_back({Command::rset});
  steps.push_back({Command::mail});
  for (std::size_t i = 0; i < recipients_.size(); ++i) steps.push_back({Command::rcpt, i});
  steps.push_back({Command::data});
  return steps;
}

void Sender::append(const Step& step) {
  const Capabilities& can = session_.capabilities();
  switch (step.command) {
    case Command::rset:
      out_ += "RSET";
      break;
    case Command::mail:  // a parameter only where it was announced in this session (behaviour 75)
      out_ += "MAIL FROM:" + mail::text_of(message_.lease.reverse_path);
      if (can.size) out_ += fmt::format(" SIZE={}", message_.lease.size);
      if (can.eight_bit_mime && message_.inspection.has_eight_bit) out_ += " BODY=8BITMIME";
      if (message_.lease.needs_utf8) out_ += " SMTPUTF8";
      if (can.dsn) append_dsn(message_.lease.dsn, out_);
      break;
    case Command::rcpt: {
      const mail::Recipient& to = message_.lease.recipients[recipients_[step.recipient]];
      out_ += "RCPT TO:<" + to.mailbox.text() + '>';
      if (can.dsn) append_dsn(to, message_.lease.needs_utf8, out_);
      break;
    }
    case Command::data:
      out_ += "DATA";
  }
  out_ += "\r\n";
}

std::string_view Sender::name_of(Command command) const {
  switch (command) {
    case Command::rset:
      return "RSET";
    case Command::mail:
      return "MAIL";
    case Command::rcpt:
      return "RCPT";
    default:
      return "DATA";
  }
}

net::Clock::duration Sender::limit_of(Command command) const {
  return command == Command::data ? session_.limits().data : session_.limits().command;
}

// With PIPELINING as many commands at once as is safe for both sides' buffers, else one. DATA is the last of all, so nothing
// is ever sent behind it before its reply (RFC 2920, 3.1).
net::Task<> Sender::say_envelope() {
  const std::size_t window = session_.capabilities().pipelining ? max_pipelined : 1;
  const std::vector<Step> all = steps();
  for (std::size_t next = 0; next < all.size() && !is_over();) {
    if (all[next].command == Command::data && !has_accepted()) break;  // RFC 5321, 3.3
    const std::size_t end = std::min(next + window, all.size());
    const auto at = [&](std::size_t i) { return all.begin() + static_cast<std::ptrdiff_t>(i); };
    std::vector<Step> group(at(next), at(end));
    out_.clear();
    for (const Step& step : group) append(step);
    net::Result<> written = co_await dialogue_.write(out_, session_.limits().command);
    if (!written) {
      break_off(dialogue_.failed(Kind::broken, name_of(group.front().command), written.error()));
    } else {
      co_await read_replies(std::move(group));
    }
    next = end;
  }
  session_.needs_reset = !refusal_;
  if (refusal_) decide_all(outcome_of_refusal(*refusal_));
}

net::Task<> Sender::read_replies(std::vector<Step> steps) {
  for (const Step& step : steps) {
    net::Result<mail::Reply> reply = co_await dialogue_.read_reply(limit_of(step.command));
    if (!reply) {
      break_off(dialogue_.failed(Kind::broken, name_of(step.command), reply.error()));
    } else {
      take(step, std::move(*reply));
    }
    if (is_broken_) break;
  }
}

void Sender::take(const Step& step, mail::Reply reply) {
  const bool is_closing = reply.code == service_closing;
  switch (step.command) {
    case Command::rset:
    case Command::mail:
      // Before any recipient was named it is the host that has no time, not the message that is unwelcome.
      if (is_closing) {
        break_off(dialogue_.refused(Kind::unreachable, name_of(step.command), std::move(reply)));
      } else if (session_.hop().is_relayhost && is_about_login(reply)) {
        break_off(dialogue_.refused(Kind::route, name_of(step.command), std::move(reply)));
      } else if (step.command == Command::rset && !reply.is_positive()) {
        break_off(dialogue_.refused(Kind::broken, name_of(step.command), std::move(reply)));
      } else if (step.command == Command::mail && !reply.is_positive()) {
        refusal_ = std::move(reply);
      }
      return;
    case Command::rcpt:
      if (!refusal_) take_recipient_reply(step.recipient, reply);
      break;
    case Command::data:
      data_ = reply;
  }
  if (!is_closing) return;
  result_.closing = reply;
  decide_all(refusal_ ? outcome_of_refusal(*refusal_) : mail::Deferred{std::move(reply)});
  is_broken_ = true;
}

void Sender::take_recipient_reply(std::size_t recipient, mail::Reply reply) {
  if (reply.is_positive()) {
    is_accepted_[recipient] = true;
  } else if (is_too_many(reply)) {
    too_many_[recipient] = std::move(reply);
  } else {
    result_.outcomes[recipient] = outcome_of_refusal(std::move(reply));
    result_.is_answered = true;
  }
}

net::Task<> Sender::send_content() {
  if (data_->code != 354) {
    // What is refused now concerns only those that were accepted (behaviour 68). A 2xx makes no sense here: deferred.
    decide_accepted(outcome_of_refusal(*data_));
    is_broken_ = is_broken_ || data_->code < 400;  // out of step, who knows since when
  } else if (has_accepted() && !refusal_) {
    co_await send_pieces();
  } else {
    co_await send_lone_dot();
  }
}

// All but the end. A piece is written when the next one is known to follow, so that the end has at least one octet.
net::Task<> Sender::send_pieces() {
  std::string room;
  std::uint64_t sent = 0;
  std::uint32_t crc = 0;
  out_.clear();
  while (sent < message_.content.size()) {
    if (!out_.empty()) {
      net::Result<> written = co_await dialogue_.write(out_, session_.limits().block);
      if (!written) co_return co_await hear_last_words(written.error());
      out_.clear();
    }
    const std::string_view piece = message_.content.piece(sent, room);
    if (piece.empty()) break;
    crc = net::crc32c(piece, crc);
    stuffing_.append(piece, out_);
    sent += piece.size();
  }
  // The file may have changed since it was looked over: without its final dot, what was sent means nothing.
  if (sent != message_.content.size() || crc != message_.content.crc()) {
    break_off(dialogue_.trouble(Kind::damaged,
                                mail::Reply{451, {4, 3, 0}, "the content's checksum is wrong"}));
    co_return;
  }
  co_await send_end();
}

// The end of the content leaves with its final dot in one write. From here on nothing but the reply tells what happened.
net::Task<> Sender::send_end() {
  co_await net::asio::this_coro::reset_cancellation_state(net::asio::disable_cancellation());
  stuffing_.finish(out_);
  net::Result<> written = co_await dialogue_.write(out_, session_.limits().block);
  dialogue_.finish_before(net::Clock::time_point::max());
  const TimeLimits& limits = session_.limits();
  net::Result<mail::Reply> reply =
      co_await dialogue_.read_reply(written ? limits.final_dot : limits.last_words);
  co_await net::asio::this_coro::reset_cancellation_state(
      net::asio::enable_terminal_cancellation());
  const bool is_answered = reply && (written || !reply->is_positive());
  if (!is_answered) {
    const auto error = written ? reply.error() : written.error();
    const Trouble trouble = dialogue_.failed(Kind::broken, "the final dot", error);
    is_broken_ = true;
    const bool has_answers = result_.is_answered;
    decide_accepted(mail::Deferred{trouble.reply});
    result_.is_answered = has_answers;  // these words are ours
    defer_left_over();
    co_return;
  }
  session_.needs_reset = false;
  ++session_.messages;
  is_delivered_ = reply->is_positive();
  note_closing(*reply);
  is_broken_ = !written || result_.closing;
  decide_accepted(is_delivered_ ? mail::Outcome(mail::Delivered{*reply})
                                : outcome_of_refusal(*reply));
  if (is_broken_) defer_left_over();
}

// DATA was pipelined and got its 354, though no recipient was taken: an empty message to nobody (RFC 2920, 3.1).
net::Task<> Sender::send_lone_dot() {
  net::Result<mail::Reply> reply = co_await dialogue_.ask(".", session_.limits().final_dot);
  if (!reply) is_broken_ = true;
  session_.needs_reset = true;
}

// A server that has seen enough may say why, and close, while we still send.
net::Task<> Sender::hear_last_words(net::error_code error) {
  break_off(dialogue_.failed(Kind::broken, "the content", error));
  net::Result<mail::Reply> reply = co_await dialogue_.read_reply(session_.limits().last_words);
  if (!reply || reply->is_positive() || reply->code == 354) co_return;
  result_.trouble.reset();
  note_closing(*reply);
  decide_accepted(outcome_of_refusal(std::move(*reply)));
  defer_left_over();
}

void Sender::note_closing(const mail::Reply& reply) {
  if (reply.code == service_closing) result_.closing = reply;
}

void Sender::break_off(Trouble trouble) {
  is_broken_ = true;
  result_.trouble = std::move(trouble);
}

void Sender::decide_accepted(const mail::Outcome& outcome) {
  for (std::size_t i = 0; i < recipients_.size(); ++i) {
    if (is_accepted_[i] && !result_.outcomes[i]) result_.outcomes[i] = outcome;
  }
  result_.is_answered = true;
}

void Sender::decide_all(const mail::Outcome& outcome) {
  for (auto& decided : result_.outcomes) {
    if (!decided) decided = outcome;
  }
  result_.is_answered = true;
}

// Those who were too many are left for the next transaction at once, if this one has brought us forward; else for later.
void Sender::defer_left_over() {
  if (is_delivered_ && !is_broken_) return;
  for (std::size_t i = 0; i < recipients_.size(); ++i) {
    if (result_.outcomes[i]) continue;
    if (!too_many_[i]) continue;
    result_.outcomes[i] = mail::Deferred{*too_many_[i]};
    result_.is_answered = true;
  }
}

}  // namespace

net::Task<Transaction> transact(Session& session, Message message,
                                std::vector<std::uint32_t> recipients) {
  Sender sender(session, message, std::move(recipients));
  Transaction transaction = co_await sender.run();
  co_return transaction;
}

}  // namespace postern::delivery
