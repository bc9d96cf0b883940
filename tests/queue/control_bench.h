// What the tests of `postern queue ...` share: the real control socket over the real queue, and a client that asks.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <vector>

#include "dispatch_bench.h"
#include "queue/control.h"

namespace postern::queue {

using frames::QueueAction;

struct ControlAnswer {
  std::vector<frames::QueuedMessage> parts;
  std::string content;
  frames::ControlDone done;
  bool is_whole = false;  // false: the connection ended first

  /// The recipients of all parts: `1:b@to.example` for that of message 1.
  std::vector<std::string> recipients() const {
    std::vector<std::string> all;
    for (const auto& part : parts) {
      for (const auto& recipient : part.recipients)
        all.push_back(std::to_string(part.id.value()) + ":" + recipient.mailbox.text());
    }
    return all;
  }
};

class ControlTest : public DispatchTest {
 protected:
  using Channel = net::Channel<frames::ToControl, frames::FromControl>;
  static constexpr std::chrono::milliseconds patience{50};

  ControlTest() {
    now = Moment::now();  // control looks at the real clock
    control.listen(listening_socket());
  }

  sockaddr_un address() const {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const std::string path = directory.path() / "control.sock";
    std::memcpy(at.sun_path, path.data(), path.size());
    return at;
  }
  net::Fd listening_socket() const {
    net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un at = address();
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(::listen(socket.get(), 64), 0);
    return socket;
  }
  net::Fd connected_socket() const {
    net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un at = address();
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    return socket;
  }

  ControlAnswer ask(frames::ToControl question) {
    ControlAnswer answer;
    bool is_over = false;
    Channel channel(spool.loop.get_executor(), connected_socket());
    channel.send(std::move(question));
    boost::asio::co_spawn(spool.loop, read(channel, answer, is_over), boost::asio::detached);
    spool.loop.restart();
    while (!is_over && spool.loop.run_one_for(20s) > 0) {
    }
    if (const Moment real = Moment::now(); real.steady > now.steady) now = real;
    return answer;
  }
  ControlAnswer act(QueueAction action, frames::QueueFilter filter = {}) {
    return ask(frames::QueueAct{action, std::move(filter)});
  }
  ControlAnswer show(std::uint64_t id) { return ask(frames::QueueShow{mail::MessageId(id)}); }
  RecipientState state(std::uint64_t id, std::size_t recipient = 0) {
    return queue.ledger().find(mail::MessageId(id))->recipients.at(recipient).state;
  }

  static frames::QueueFilter to_domain(const std::string& domain) {
    frames::QueueFilter filter;
    filter.domain = domain;
    return filter;
  }
  static frames::QueueFilter only(std::uint64_t id) {
    frames::QueueFilter filter;
    filter.ids = {mail::MessageId(id)};
    return filter;
  }

  static net::Task<> read(Channel& channel, ControlAnswer& answer, bool& is_over) {
    while (!answer.is_whole) {
      net::Result<frames::FromControl> frame = co_await channel.receive();
      if (!frame) break;
      if (auto* part = std::get_if<frames::QueuedMessage>(&*frame))
        answer.parts.push_back(std::move(*part));
      if (auto* piece = std::get_if<frames::QueuedContent>(&*frame)) answer.content += piece->bytes;
      if (auto* done = std::get_if<frames::ControlDone>(&*frame)) {
        answer.done = std::move(*done);
        answer.is_whole = true;
      }
    }
    is_over = true;
  }

  Control control{spool.loop.get_executor(), *spool.store, queue, reporter, [] {}, patience};
};

}  // namespace postern::queue
