#include "queue/control.h"

#include <fmt/format.h>

#include <algorithm>

#include "mail/header.h"
#include "net/log.h"

namespace postern::queue {
namespace {

namespace asio = net::asio;

// What is shown of a message fits into one frame (net::max_frame), however many its recipients are and whatever
// was answered.
constexpr std::size_t max_shown_recipients = 500;
constexpr std::size_t max_shown_text = 256;  // octets

constexpr std::size_t messages_at_once = 64;  // then others get their turn on the loop
constexpr std::chrono::milliseconds pause_after_refused_accept{100};

std::string actor_of(const Control::Channel& channel) {
  const auto [user, process] = channel.peer();
  return fmt::format("{}:{}", user, process);
}

frames::ControlDone unknown(mail::MessageId id) {
  return {0, fmt::format("{}: no such message in the queue", id.text())};
}

void cut(std::string& text) {
  if (text.size() > max_shown_text) text.resize(max_shown_text);
}

frames::QueuedRecipient described(const mail::Mailbox& mailbox, const Recipient& recipient,
                                  const Moment& now) {
  frames::QueuedRecipient shown{mailbox, recipient.state, recipient.destination.get(),
                                recipient.attempts, now.on_wall(recipient.due)};
  if (recipient.answer) shown.last_answer = recipient.answer->reply.one_line();
  cut(shown.destination);
  cut(shown.last_answer);
  return shown;
}

}  // namespace

// What one request deletes, until all of it is on disk.
struct Control::Deletion {
  Deletion(net::Executor executor, std::string by)
      : actor(std::move(by)), is_over(executor, net::Timer::time_point::max()) {}

  void fail(mail::MessageId id, std::string_view why) {
    if (done.error.empty()) done.error = fmt::format("{}: {}", id.text(), why);
  }

  std::string actor;
  std::size_t left = 0;
  frames::ControlDone done;
  net::Timer is_over;  // cancelled when nothing is left
};

void Control::listen(net::Fd socket) {
  net::error_code ignored;
  acceptor_.close(ignored);
  acceptor_.assign(asio::local::stream_protocol(), socket.release());
  clients_.start(accept());
}

net::Task<> Control::accept() {
  const int socket = acceptor_.native_handle();
  while (acceptor_.is_open() && acceptor_.native_handle() == socket) {
    auto [error, client] = co_await acceptor_.async_accept(net::as_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error || clients_.size() > max_control_clients) {
      co_await net::sleep_for(pause_after_refused_accept);
      continue;
    }
    auto channel = std::make_shared<Channel>(clients_.executor(), net::Fd(client.release()));
    clients_.start(serve(std::move(channel)));
  }
}

net::Task<> Control::serve(std::shared_ptr<Channel> channel) {
  for (;;) {
    net::Result<frames::ToControl> request = co_await channel->receive();
    if (!request) co_return;
    net::Task<> answered =
        std::visit([&](auto& any) { return answer(channel, std::move(any)); }, *request);
    co_await std::move(answered);
  }
}

std::optional<frames::QueuedMessage> Control::describe(mail::MessageId id, bool with_header) {
  const Message* message = queue_.ledger().find(id);
  if (message == nullptr) return std::nullopt;
  net::Result<StoredMessage> stored = store_.read(id);
  if (!stored) return std::nullopt;
  frames::QueuedMessage answer{
      id, std::move(stored->head.envelope), stored->head.arrival, message->size, {}, {}, {}};
  const Moment now = Moment::now();
  auto& mailboxes = answer.envelope.recipients;
  const std::size_t count =
      std::min({mailboxes.size(), message->recipients.size(), max_shown_recipients});
  mailboxes.erase(mailboxes.begin() + static_cast<std::ptrdiff_t>(count), mailboxes.end());
  for (std::size_t i = 0; i < count; ++i) {
    mailboxes[i].original.clear();  // nobody looks at it, and it is long
    answer.recipients.push_back(described(mailboxes[i].mailbox, message->recipients[i], now));
  }
  if (with_header) {
    const std::string front = front_of(*stored, frames::max_chunk);
    answer.header = std::string(mail::header_section_of(front));
  }
  return answer;
}

std::vector<mail::MessageId> Control::chosen(std::vector<mail::MessageId> ids) {
  if (!ids.empty()) return ids;
  for (const auto& [id, message] : queue_.ledger().messages()) ids.push_back(id);
  return ids;
}

net::Task<> Control::answer(std::shared_ptr<Channel> channel, frames::QueueList) {
  const std::vector<mail::MessageId> ids = chosen({});
  std::uint64_t count = 0;
  for (const auto id : ids) {
    std::optional<frames::QueuedMessage> message = describe(id, false);
    if (!message) continue;  // it went, or cannot be read, while others were listed
    channel->send(std::move(*message));
    if (++count % messages_at_once != 0) continue;
    co_await channel->drained();
    co_await net::sleep_for({});
    if (!channel->is_open()) co_return;
  }
  channel->send(frames::ControlDone{count, {}});
}

net::Task<> Control::answer(std::shared_ptr<Channel> channel, frames::QueueShow request) {
  std::optional<frames::QueuedMessage> message = describe(request.id, true);
  if (message) {
    channel->send(std::move(*message));
    channel->send(frames::ControlDone{1, {}});
  } else {
    channel->send(unknown(request.id));
  }
  co_return;
}

net::Task<> Control::answer(std::shared_ptr<Channel> channel, frames::QueueAct request) {
  if (request.action == frames::QueueAction::remove)
    return remove(channel, std::move(request.filter));
  return flush(channel, std::move(request.filter));
}

net::Task<> Control::flush(std::shared_ptr<Channel> channel, frames::QueueFilter request) {
  const std::string actor = actor_of(*channel);
  const Moment now = Moment::now();
  frames::ControlDone done;
  for (const auto id : chosen(std::move(request.ids))) {
    if (queue_.flush(id, now)) {
      ++done.count;
      net::log("flushed", {{"id", id}, {"by", actor}});
    } else if (done.error.empty()) {
      done.error = unknown(id).error;
    }
  }
  channel->send(std::move(done));
  on_change_();
  co_return;
}

// Answered when all is on disk: what was deleted stays so.
net::Task<> Control::remove(std::shared_ptr<Channel> channel, frames::QueueFilter request) {
  auto deletion = std::make_shared<Deletion>(clients_.executor(), actor_of(*channel));
  for (const auto id : chosen(std::move(request.ids))) remove(id, deletion);
  while (deletion->left > 0) co_await deletion->is_over.async_wait(net::as_result);
  channel->send(std::move(deletion->done));
}

void Control::remove(mail::MessageId id, const std::shared_ptr<Deletion>& deletion) {
  const Message* message = queue_.ledger().find(id);
  if (message == nullptr) return deletion->fail(id, "no such message in the queue");
  const Moment now = Moment::now();
  Update update{id, {}, false};
  for (std::uint32_t i = 0; i < message->recipients.size(); ++i) {
    const Recipient& recipient = message->recipients[i];
    if (recipient.state == RecipientState::leased) {
      return deletion->fail(id, "is being delivered right now, try again");
    }
    if (recipient.is_final()) continue;
    update.changes.push_back(
        queue_.change_of(id, i, RecipientState::deleted, {{}, {}, now.wall}, now));
  }
  queue_.withhold(id, update.changes, now);
  ++deletion->left;
  store_.record(update, [this, update, deletion, now](net::Result<> result) {
    on_removed(update, result, *deletion, now);
  });
}

void Control::on_removed(const Update& update, net::Result<> result, Deletion& deletion,
                         const Moment& now) {
  if (result) {
    queue_.apply(update, now);
    ++deletion.done.count;
    net::log("deleted", {{"id", update.id}, {"by", deletion.actor}});
  } else {
    std::vector<std::uint32_t> recipients;
    for (const Change& change : update.changes) recipients.push_back(change.recipient);
    queue_.give_back(update.id, recipients, now.steady, now);
    deletion.fail(update.id, "could not be written down: " + result.error().message());
  }
  if (--deletion.left == 0) deletion.is_over.cancel();
}

}  // namespace postern::queue
