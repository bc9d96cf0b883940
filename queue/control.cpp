#include "queue/control.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "net/checksum.h"
#include "net/log.h"
#include "queue/description.h"
#include "queue/errand.h"
#include "queue/selection.h"

namespace postern::queue {
namespace {

namespace asio = net::asio;

// A turn on the loop, before others have theirs.
constexpr std::chrono::milliseconds longest_turn{2};
constexpr std::size_t max_turn = 64;  // messages looked at
// A slice of an errand: what is on its way to disk at a time.
constexpr std::size_t max_slice_messages = 64;
constexpr std::size_t max_slice_bounces = 8;  // each is a new message
constexpr std::size_t max_slice_recipients = 3000;
constexpr std::chrono::milliseconds pause_before_accepting{100};

/// `alice(1000):4711`: user, user id, process.
std::string name_of(std::pair<unsigned, int> peer) {
  std::array<char, 4096> buffer;
  passwd entry{};
  passwd* found = nullptr;
  ::getpwuid_r(peer.first, &entry, buffer.data(), buffer.size(), &found);
  return fmt::format("{}({}):{}", found ? found->pw_name : "?", peer.first, peer.second);
}

/// Says when it is time to let others on the loop.
class Turn {
 public:
  [[nodiscard]] bool is_over() {
    if (++count_ < max_turn && net::Clock::now() < began_ + longest_turn) return false;
    count_ = 0;
    return true;
  }
  void begin() { began_ = net::Clock::now(); }

 private:
  std::size_t count_ = 0;
  net::Clock::time_point began_ = net::Clock::now();
};

/// What went wrong with some messages: the first in words, the others counted.
class Trouble {
 public:
  void add(mail::MessageId id, std::string_view what) {
    if (count_++ == 0) first_ = fmt::format("{}: {}", id.text(), what);
  }
  [[nodiscard]] std::string text() const {
    return count_ > 1 ? fmt::format("{} (and so with {} more)", first_, count_ - 1) : first_;
  }

 private:
  std::string first_;
  std::size_t count_ = 0;
};

constexpr std::string_view unknown = "no such message in the queue";

std::string unreadable(const net::error_code& error) {
  if (error == boost::system::errc::bad_message) return "the stored message is damaged";
  return "cannot be read: " + error.message();
}

}  // namespace

// What of an errand is on its way to disk. Shared with what is called when it is there, which may outlive the client.
class Control::Slice {
 public:
  Slice(net::Executor executor, std::shared_ptr<Client> client)
      : client_(std::move(client)), is_done_(executor, net::Timer::time_point::max()) {}

  void begin(std::size_t recipients) {
    ++left_;
    ++messages_;
    recipients_ += recipients;
  }
  void end(mail::MessageId id, const net::Result<>& result,
           const std::vector<frames::QueuedMessage>& answer) {
    if (!result) {
      trouble.add(id, result.error() == boost::system::errc::bad_message
                          ? unreadable(result.error())
                          : "could not be written down: " + result.error().message());
    } else {
      ++count;
      tell(answer);
    }
    if (--left_ == 0) is_done_.cancel();
  }

  void tell(const std::vector<frames::QueuedMessage>& answer) {
    for (const frames::QueuedMessage& part : answer) client_->channel.send(part);
  }

  [[nodiscard]] bool is_full(std::size_t most) const {
    return messages_ >= most || recipients_ >= max_slice_recipients;
  }
  net::Task<> done() {
    while (left_ > 0) co_await is_done_.async_wait(net::as_result);
    messages_ = 0;
    recipients_ = 0;
  }

  std::uint64_t count = 0;  // messages to which something was done
  Trouble trouble;

 private:
  std::shared_ptr<Client> client_;
  std::size_t left_ = 0;
  std::size_t messages_ = 0;
  std::size_t recipients_ = 0;
  net::Timer is_done_;
};

void Control::listen(net::Fd socket) {
  net::error_code ignored;
  acceptor_.close(ignored);
  acceptor_.assign(asio::local::stream_protocol(), socket.release());
  tasks_.start(accept());
}

net::Task<> Control::accept() {
  const int socket = acceptor_.native_handle();
  while (acceptor_.is_open() && acceptor_.native_handle() == socket) {
    clients_.remove_if([](const auto& each) {
      const std::shared_ptr<Client> client = each.lock();
      return !client || !client->channel.is_open();
    });
    if (clients_.size() >= max_control_clients) {
      auto [waited] = co_await acceptor_.async_wait(Acceptor::wait_read, net::as_result);
      if (waited) co_return;
      if (!make_room()) co_await net::sleep_for(pause_before_accepting);
      continue;
    }
    auto [error, accepted] = co_await acceptor_.async_accept(net::as_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      co_await net::sleep_for(pause_before_accepting);
      continue;
    }
    auto client = std::make_shared<Client>(tasks_.executor(), net::Fd(accepted.release()));
    client->name = name_of(client->channel.peer());
    clients_.push_back(client);
    tasks_.start(serve(std::move(client)));
  }
}

// Ends the client that lets us wait for longest, where that is long enough.
bool Control::make_room() {
  std::shared_ptr<Client> slowest;
  for (const auto& each : clients_) {
    const std::shared_ptr<Client> client = each.lock();
    if (!client || !client->waits_since) continue;
    if (!slowest || *client->waits_since < *slowest->waits_since) slowest = client;
  }
  if (!slowest || *slowest->waits_since + patience_ > net::Clock::now()) return false;
  net::log("control-client-ended", {{"by", slowest->name}, {"why", "others wait"}});
  slowest->channel.close();
  return true;
}

net::Task<> Control::serve(std::shared_ptr<Client> client) {
  for (;;) {
    client->waits_since = net::Clock::now();
    net::Result<frames::ToControl> request = co_await client->channel.receive();
    client->waits_since.reset();
    if (!request) co_return;
    net::Task<> answered =
        std::visit([&](auto& any) { return answer(*client, std::move(any)); }, *request);
    co_await std::move(answered);
  }
}

net::Task<> Control::drained(Client& client) {
  client.waits_since = net::Clock::now();
  co_await client.channel.drained();
  client.waits_since.reset();
}

net::Task<> Control::send(Client& client, const std::vector<frames::QueuedMessage>& parts) {
  for (const frames::QueuedMessage& part : parts) {
    client.channel.send(part);
    co_await drained(client);
  }
}

net::Task<> Control::answer(Client& client, frames::QueueList request) {
  const mail::Parsed<Selection> selection = Selection::of(request.filter);
  if (!selection) {
    client.channel.send(frames::ControlDone{0, selection.error().reason});
    co_return;
  }
  Walk walk(queue_.ledger(), std::move(request.filter.ids));
  Trouble trouble;
  Turn turn;
  std::uint64_t count = 0;
  while (const auto id = walk.next()) {
    if (turn.is_over()) {
      co_await net::sleep_for({});
      turn.begin();
    }
    if (!client.channel.is_open()) co_return;
    const Moment now = Moment::now();
    const Message* message = queue_.ledger().find(*id);
    if (message == nullptr) {
      trouble.add(*id, unknown);
      continue;
    }
    if (!selection->may_mean(*message, now)) continue;
    const net::Result<StoredMessage> stored = store_.read(*id);
    if (!stored) trouble.add(*id, unreadable(stored.error()));
    const auto which = selection->recipients(*message, stored ? &stored->head.envelope : nullptr);
    if (which.empty()) continue;
    ++count;
    auto parts = described(queue_, *id, stored ? &*stored : nullptr, which, now);
    co_await send(client, parts);
  }
  client.channel.send(frames::ControlDone{count, trouble.text()});
}

net::Task<> Control::answer(Client& client, frames::QueueShow request) {
  const mail::MessageId id = request.id;
  if (queue_.ledger().find(id) == nullptr) {
    client.channel.send(frames::ControlDone{0, fmt::format("{}: {}", id.text(), unknown)});
    co_return;
  }
  net::Result<StoredMessage> stored = store_.read(id);
  if (stored && request.with_content) {
    co_await send_content(client, *stored);
    co_return;
  }
  frames::ControlDone done{1, {}};
  std::vector<frames::QueuedMessage> parts = whole(id, stored, done.error);
  co_await send(client, parts);
  client.channel.send(std::move(done));
}

std::vector<frames::QueuedMessage> Control::whole(mail::MessageId id,
                                                  const net::Result<StoredMessage>& stored,
                                                  std::string& error) {
  const Moment now = Moment::now();
  if (!stored) {
    error = fmt::format("{}: {}", id.text(), unreadable(stored.error()));
    std::vector<std::uint32_t> all(queue_.ledger().find(id)->recipients.size());
    std::iota(all.begin(), all.end(), 0U);
    return described(queue_, id, nullptr, all, now);
  }
  const net::Result<std::vector<Update>> history = store_.history(id);
  if (history) return described_whole(queue_, id, *stored, *history, now);
  error = fmt::format("{}: its attempts: {}", id.text(), unreadable(history.error()));
  return described_whole(queue_, id, *stored, {}, now);
}

// What lies in the log was verified when it was read. What lies in a file is verified on the way.
net::Task<> Control::send_content(Client& client, const StoredMessage& message) {
  frames::ControlDone done{1, {}};
  const std::string* content = std::get_if<std::string>(&message.content);
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < message.head.size;) {
    std::string piece(std::min<std::uint64_t>(frames::max_chunk, message.head.size - at), '\0');
    if (content != nullptr) {
      piece = content->substr(at, piece.size());
    } else {
      const int file = std::get<ContentFile>(message.content).file.get();
      const auto n = ::pread(file, piece.data(), piece.size(), static_cast<off_t>(at));
      if (n < 0) done.error = unreadable({errno, boost::system::system_category()});
      piece.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    }
    if (piece.empty()) break;
    at += piece.size();
    crc = net::crc32c(piece, crc);
    client.channel.send(frames::QueuedContent{std::move(piece)});
    co_await drained(client);
    co_await net::sleep_for({});
    if (!client.channel.is_open()) co_return;
  }
  if (done.error.empty() && crc != message.head.crc) done.error = "the stored message is damaged";
  client.channel.send(std::move(done));
}

net::Task<> Control::answer(Client& client, frames::QueueAct request) {
  const mail::Parsed<Selection> selection = Selection::of(request.filter);
  if (!selection) {
    client.channel.send(frames::ControlDone{0, selection.error().reason});
    co_return;
  }
  const auto errand =
      std::make_shared<Errand>(store_, queue_, reporter_, request.action, client.name);
  const auto slice = std::make_shared<Slice>(tasks_.executor(), client.shared_from_this());
  const std::size_t slice_size =
      request.action == frames::QueueAction::bounce ? max_slice_bounces : max_slice_messages;
  Walk walk(queue_.ledger(), std::move(request.filter.ids));
  Turn turn;
  while (const auto id = walk.next()) {
    const bool is_full = slice->is_full(slice_size);
    if (is_full) {
      on_change_();
      co_await slice->done();
      on_change_();
      co_await drained(client);
    }
    if (turn.is_over()) {
      co_await net::sleep_for({});
      turn.begin();
    }
    if (!client.channel.is_open()) break;  // nobody wants it any more
    act(*id, *selection, *errand, slice);
  }
  on_change_();
  co_await slice->done();
  client.channel.send(frames::ControlDone{slice->count, slice->trouble.text()});
  on_change_();
}

void Control::act(mail::MessageId id, const Selection& selection, Errand& errand,
                  const std::shared_ptr<Slice>& slice) {
  const Message* message = queue_.ledger().find(id);
  if (message == nullptr) return slice->trouble.add(id, unknown);
  const Moment now = Moment::now();
  if (!selection.may_mean(*message, now)) return;
  std::optional<mail::Envelope> envelope;
  if (errand.needs_envelope() || selection.needs_envelope()) {
    net::Result<StoredMessage> stored = store_.read(id);
    if (stored) envelope = std::move(stored->head.envelope);
    if (!stored && selection.needs_envelope())
      return slice->trouble.add(id, unreadable(stored.error()));
  }
  const mail::Envelope* known = envelope ? &*envelope : nullptr;
  const Deed deed = errand.deed_for(*message, selection.recipients(*message, known));
  if (deed.is_empty()) return;
  auto answer = described_deed(id, *message, deed);
  if (!deed.is_doing()) return slice->tell(answer);
  slice->begin(deed.done.size() + deed.lent.size());
  errand.act(id, deed, known, now, [slice, id, answer = std::move(answer)](net::Result<> result) {
    slice->end(id, result, answer);
  });
}

}  // namespace postern::queue
