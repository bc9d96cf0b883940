#include "witnessed_spool.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "../temporary_spool.h"
#include "net/checksum.h"

namespace postern::queue {
namespace {

constexpr std::size_t chunk = 64 * 1024;  // as smtpd sends it

// Every 512 bytes of it are unlike those of any other message.
std::string content_of(std::uint64_t id, std::size_t size) {
  std::string content = fmt::format("Subject: {}\r\n\r\n", id);
  Random random(static_cast<std::uint32_t>(id * 2654435761U + 1));
  while (content.size() < size) {
    const std::uint32_t word = static_cast<std::uint32_t>(random());
    content.append(reinterpret_cast<const char*>(&word), sizeof(word));
  }
  return content;
}

Answer words(RecipientState state) {
  return state == RecipientState::delivered ? Answer{{250, {2, 0, 0}, "ok"}, {}, {}}
                                            : Answer{{450, {4, 2, 0}, "not yet"}, {}, {}};
}

}  // namespace

OpenedStore::OpenedStore(std::unique_ptr<Disk> disk, std::uint64_t segment_size) {
  auto opened = LogStore::open(loop.get_executor(), std::move(disk), segment_size);
  if (auto* failure = std::get_if<frames::CannotStart>(&opened)) {
    cannot_start = *failure;
    return;
  }
  store = std::move(std::get<std::unique_ptr<LogStore>>(opened));
  store->limit({});
  store->ask_state_of([this](mail::MessageId id) { return shown.state_of(id); });
  cannot_start = store->recover(shown);
}

void OpenedStore::run(const std::function<bool()>& is_enough) {
  bool is_flushed = false;
  auto wait = [](LogStore& waited, bool& done) -> net::Task<> {
    co_await waited.flushed();
    done = true;
  };
  boost::asio::co_spawn(loop, wait(*store, is_flushed), boost::asio::detached);
  loop.restart();
  while (!is_flushed && !(is_enough && is_enough())) loop.run_one();
  if (is_flushed) loop.poll();
}

void OpenedStore::release_what_is_over() {
  for (const auto& [id, message] : shown.messages) {
    if (message.is_over()) store->release(id);
  }
  std::erase_if(shown.messages, [](const auto& entry) { return entry.second.is_over(); });
}

Contents OpenedStore::contents() {
  Contents contents;
  for (const auto& [id, message] : shown.messages) {
    if (!message.is_over()) contents[id] = content_of(id);
  }
  return contents;
}

// As delivery reads it: a checksum that is wrong is noticed before the final dot.
std::optional<Digest> OpenedStore::content_of(mail::MessageId id) {
  const auto message = store->read(id);
  if (!message) return std::nullopt;
  const std::string content = front_of(*message, message->head.size);
  if (content.size() != message->head.size) return std::nullopt;
  if (net::crc32c(content) != message->head.crc) return std::nullopt;
  return digest_of(content);
}

WitnessedSpool::WitnessedSpool(std::unique_ptr<Disk> disk, const Recorder& recorder,
                               std::size_t before, Promises& promises, std::uint64_t segment_size)
    : recorder_(recorder),
      before_(before),
      promises_(promises),
      opened_(std::move(disk), segment_size),
      last_id_(before * 1000) {
  if (!is_open()) return;
  promises_.show(opened_.shown, now());
  opened_.release_what_is_over();
}

mail::MessageId WitnessedSpool::accept(std::size_t size, std::size_t recipients) {
  std::vector<std::string> to;
  for (std::size_t i = 0; i < recipients; ++i) {
    to.push_back(fmt::format("r{}.{}@to.example", i, last_id_));
  }
  return accept(size, envelope(fmt::format("s{}@from.example", last_id_), to), std::nullopt, 0);
}

void WitnessedSpool::accept_report(mail::MessageId about) {
  const auto& changes = message(about).changes;
  std::uint32_t recipient = 0;
  while (changes.at(recipient) && frames::is_final(changes[recipient]->state)) ++recipient;
  Change change{recipient, RecipientState::bounced, 0, {}, words(RecipientState::bounced)};
  const mail::MessageId report(last_id_ + 1);
  const std::size_t number = promises_.say(about, change, now(), report);
  const auto sender = message(about).head.envelope.reverse_path;
  accept(700, mail::envelope_of_report(*sender), Update{about, {change}, false}, number);
}

mail::MessageId WitnessedSpool::accept(std::size_t size, mail::Envelope envelope,
                                       std::optional<Update> reports, std::size_t change) {
  const mail::MessageId id(++last_id_);
  const std::string content = queue::content_of(last_id_, size);
  const MessageHead head{std::move(envelope), {}, content.size(), 0, false, reports};
  const std::size_t number = promises_.hand_over(id, head, content, now());
  auto answer = [this, id, head, number, change](net::Result<> result) {
    promises_.answer_message(number, result.has_value(), now());
    if (change > 0) promises_.answer_change(change, result.has_value(), now());
    if (head.reports) under_way_.extract(head.reports->id);
    if (!result) return;
    opened_.shown.on_message(id, head);
    if (head.reports) apply(*head.reports);
  };
  if (head.reports) under_way_.insert(head.reports->id);
  auto draft = opened_.store->begin(id);
  for (std::size_t at = 0; at < content.size(); at += chunk) {
    const auto added = draft->add(content.substr(at, chunk));
    if (!added) {
      answer(added);
      return id;
    }
  }
  opened_.store->accept({id, head.envelope, head.arrival, std::move(draft), head.reports},
                        std::move(answer));
  return id;
}

void WitnessedSpool::settle(mail::MessageId id, std::uint32_t recipient, RecipientState state,
                            bool is_awaited) {
  Change change{recipient, state, 0, {}, words(state)};
  const std::size_t number = promises_.say(id, change, now());
  const Update update{id, {change}, false};
  if (!is_awaited) {
    opened_.store->record(update, nullptr);
    return apply(update);
  }
  under_way_.insert(id);
  opened_.store->record(update, [this, update, number](net::Result<> result) {
    under_way_.extract(update.id);
    promises_.answer_change(number, result.has_value(), now());
    if (result) apply(update);
  });
}

void WitnessedSpool::settle_all(mail::MessageId id, RecipientState state, bool is_awaited) {
  const auto changes = message(id).changes;
  for (std::uint32_t i = 0; i < changes.size(); ++i) {
    if (!changes[i] || !frames::is_final(changes[i]->state)) settle(id, i, state, is_awaited);
  }
}

void WitnessedSpool::apply(const Update& update) {
  opened_.shown.on_update(update);
  const auto entry = opened_.shown.messages.find(update.id);
  if (entry == opened_.shown.messages.end() || !entry->second.is_over()) return;
  opened_.shown.messages.erase(entry);
  opened_.store->release(update.id);
}

void WitnessedSpool::run() {
  opened_.run();
  if (!recorder_.has_failed()) promises_.flushed(now());
}

std::vector<mail::MessageId> WitnessedSpool::waiting() const {
  std::vector<mail::MessageId> ids;
  for (const auto& [id, message] : opened_.shown.messages) ids.push_back(id);
  return ids;
}

}  // namespace postern::queue
