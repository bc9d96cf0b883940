#include "queue/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/log.h"

namespace postern::queue {
namespace {

// RFC 3463: 4.3.1, mail system full; 4.3.0, other system status; 4.3.2, not accepting messages; 5.5.3, too many
// recipients.
mail::Reply full() { return {452, {4, 3, 1}, "no space on the mail system, try again later"}; }
mail::Reply local_error() {
  return {451, {4, 3, 0}, "the message could not be stored, try again later"};
}
mail::Reply shutting_down() { return {421, {4, 3, 2}, "shutting down, try again later"}; }
mail::Reply too_many_recipients() { return {452, {4, 5, 3}, "too many recipients"}; }

mail::Reply refusal_of(const net::error_code& error) {
  namespace errc = boost::system::errc;
  const bool is_full = error == errc::no_space_on_device ||
                       error == boost::system::error_code(EDQUOT, boost::system::system_category());
  return is_full ? full() : local_error();
}

// As smtpd lets it through: what lies in the spool must also fit into a lease, and into a list.
bool is_bounded(const mail::Envelope& envelope) {
  const mail::Origin& origin = envelope.origin;
  const auto is_short = [](std::string_view text) { return text.size() <= max_envelope_text; };
  return is_short(origin.client) && is_short(origin.helo) && is_short(origin.login) &&
         is_short(origin.tls) && is_short(envelope.dsn.envelope_id) &&
         std::ranges::all_of(envelope.recipients, is_short, &mail::Recipient::original);
}

void log_accepted(mail::MessageId id, const mail::Envelope& envelope, std::uint64_t size) {
  const mail::Origin& origin = envelope.origin;
  const bool is_single = envelope.recipients.size() == 1;
  net::log("accepted", {{"id", id},
                        {"from", envelope.reverse_path},
                        {"to", is_single ? envelope.recipients.front().mailbox.text()
                                         : fmt::format("{}", envelope.recipients.size())},
                        {"size", size},
                        {"client", origin.client},
                        {"helo", origin.helo},
                        {"proof", origin.login.empty() ? "mynetworks" : "login:" + origin.login},
                        {"tls", origin.tls.empty() ? "none" : origin.tls}});
}

}  // namespace

// A client may outlive this in a coroutine that is never resumed; its drafts must not outlive the store.
Intake::~Intake() {
  for (const auto& [instance, client] : connected_) client->open.clear();
}

void Intake::connect(std::uint32_t instance, net::Fd channel) {
  auto client = std::make_shared<Client>(clients_.executor(), std::move(channel));
  if (const auto before = std::exchange(connected_[instance], client)) {
    before->open.clear();
    before->channel.close();
  }
  room_ = store_.room();
  client->channel.send(admission());
  clients_.start(serve(instance, client));
}

net::Task<> Intake::serve(std::uint32_t instance, std::shared_ptr<Client> client) {
  for (;;) {
    net::Result<frames::SmtpdToQueue> frame = co_await client->channel.receive();
    if (!frame) break;
    std::visit([&](auto& any) { on_frame(client, std::move(any)); }, *frame);
    co_await client->channel
        .drained();  // an smtpd that does not hear us must not make us hoard refusals
  }
  client->open.clear();
  const auto current = connected_.find(instance);
  if (current != connected_.end() && current->second == client) connected_.erase(current);
}

void Intake::on_frame(const std::shared_ptr<Client>& client, frames::Open frame) {
  const auto refuse = [&](mail::Reply reply) {
    client->channel.send(frames::Refused{frame.id, std::move(reply)});
  };
  if (is_draining_) return refuse(shutting_down());
  if (is_known(frame.id) || client->open.size() >= max_open) return refuse(local_error());
  if (frame.envelope.recipients.empty() || !is_bounded(frame.envelope)) {
    return refuse(local_error());
  }
  if (frame.envelope.recipients.size() > max_recipients) return refuse(too_many_recipients());
  if (room_.is_broken) return refuse(local_error());
  if (!room_.is_enough) return refuse(full());
  client->open.emplace(frame.id.value(), Opened{std::move(frame.envelope), store_.begin(frame.id)});
}

void Intake::on_frame(const std::shared_ptr<Client>& client, frames::Chunk frame) {
  const auto opened = client->open.find(frame.id.value());
  if (opened == client->open.end()) return;  // refused before, and smtpd does not know it yet
  taken_ += frame.bytes.size();
  if (taken_ > room_step) check_room();
  Draft& content = *opened->second.content;
  net::Result<> added = make_error_code(boost::system::errc::no_space_on_device);
  if (content.size() + frame.bytes.size() <= room_.largest)
    added = content.add(std::move(frame.bytes));
  if (added) return;
  net::log(net::Level::warning, "refused", {{"id", frame.id}, {"error", added.error().message()}});
  client->channel.send(frames::Refused{frame.id, refusal_of(added.error())});
  client->open.erase(opened);
}

void Intake::on_frame(const std::shared_ptr<Client>& client, frames::Commit frame) {
  const auto node = client->open.extract(frame.id.value());
  if (!node) return;
  Opened& opened = node.mapped();
  const WallTime arrival = Moment::now().wall;
  MessageHead head{opened.envelope, arrival, opened.content->size(), 0, false, std::nullopt};
  auto done = [this, id = frame.id, head = std::move(head), client](net::Result<> result) {
    on_durable(id, head, result, client);
  };
  committing_.insert(frame.id.value());
  store_.accept(
      {frame.id, std::move(opened.envelope), arrival, std::move(opened.content), std::nullopt},
      std::move(done));
}

void Intake::on_frame(const std::shared_ptr<Client>& client, frames::Abort frame) {
  client->open.erase(frame.id.value());
}

void Intake::on_durable(mail::MessageId id, const MessageHead& head, net::Result<> result,
                        const std::shared_ptr<Client>& client) {
  committing_.erase(id.value());
  if (committing_.empty()) committed_.cancel();
  if (!result) {
    net::log(net::Level::warning, "refused", {{"id", id}, {"error", result.error().message()}});
    client->channel.send(frames::Refused{id, refusal_of(result.error())});
    return;
  }
  client->channel.send(frames::Committed{id});
  log_accepted(id, head.envelope, head.size);
  queue_.add(id, head, Moment::now());
  on_new_();
}

// An id names one message for ever: one that comes twice would be two messages under one name.
bool Intake::is_known(mail::MessageId id) const {
  if (queue_.knows(id)) return true;
  for (const auto& [instance, client] : connected_) {
    if (client->open.contains(id.value())) return true;
  }
  return committing_.contains(id.value());
}

frames::Admission Intake::admission() const {
  if (is_draining_) return {false, 0, shutting_down()};
  if (room_.is_broken) return {false, 0, local_error()};
  return {room_.is_enough, room_.largest, full()};
}

void Intake::check_room() {
  const Room now = store_.room();
  taken_ = 0;
  if (now == room_) return;
  if (now.is_enough && !room_.is_enough) {
    net::log("spool-has-room", {{"largest", now.largest}});
  } else if (!now.is_enough && room_.is_enough) {
    net::log(net::Level::error, "spool-full",
             {{"largest", now.largest},
              {"remedy",
               "mail gets 452 until delivery, or you, make room, on the disk (df, df -i) or by a "
               "larger queue.max_size; postern spool stats tells what is there"}});
  }
  room_ = now;
  for (const auto& [instance, client] : connected_) client->channel.send(admission());
}

net::Task<> Intake::drain(net::Clock::duration limit) {
  is_draining_ = true;
  for (const auto& [instance, client] : connected_) {
    client->channel.send(admission());
    for (const auto& [id, opened] : client->open) {
      client->channel.send(frames::Refused{mail::MessageId(id), shutting_down()});
    }
    client->open.clear();
  }
  if (committing_.empty()) co_return;
  committed_.expires_after(limit);
  co_await committed_.async_wait(net::as_result);
}

}  // namespace postern::queue
