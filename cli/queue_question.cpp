#include "queue_question.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/config.h"
#include "failure.h"
#include "net/channel.h"

namespace postern::cli {
namespace {

using frames::QueuedMessage;

net::Fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    throw Failure{EX_CONFIG, fmt::format("control.socket: {} is too long a path", path)};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  net::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) throw Failure{EX_OSERR, fmt::format("no socket: {}", std::strerror(errno))};
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0)
    return socket;
  if (errno == EACCES || errno == EPERM) {
    throw Failure{
        EX_NOPERM,
        fmt::format("you may not use {}: ask as root, or as the user that Postern runs as", path)};
  }
  throw Failure{EX_UNAVAILABLE,
                fmt::format("postern is not running, or its control socket is not {}: {}", path,
                            std::strerror(errno))};
}

std::string control_socket_of(const Context& context) {
  const daemon::LoadedConfig loaded = daemon::load_config(context.config_file);
  if (const auto* config = std::get_if<daemon::Config>(&loaded)) return config->control_socket;
  const auto& errors = std::get<std::vector<daemon::ConfigError>>(loaded);
  throw Failure{EX_CONFIG, daemon::text_of(context.config_file, errors.front())};
}

template <class T>
void move_behind(std::vector<T>& all, std::vector<T>&& more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Puts messages together that come in several frames, one behind the other.
class Joiner {
 public:
  explicit Joiner(const Listener& listener) : listener_(listener) {}

  void add(QueuedMessage part) {
    if (!message_ || message_->id != part.id) {
      flush();
      message_ = std::move(part);
      return;
    }
    move_behind(message_->envelope.recipients, std::move(part.envelope.recipients));
    move_behind(message_->recipients, std::move(part.recipients));
    move_behind(message_->attempts, std::move(part.attempts));
  }
  void flush() {
    if (message_) listener_.on_message(*message_);
    message_.reset();
  }

 private:
  const Listener& listener_;
  std::optional<QueuedMessage> message_;
};

using Channel = net::Channel<frames::ToControl, frames::FromControl>;

net::Task<> listen(Channel& channel, const Listener& listener,
                   std::optional<frames::ControlDone>& answer) {
  Joiner joiner(listener);
  while (!answer) {
    net::Result<frames::FromControl> frame = co_await channel.receive();
    if (!frame) break;
    if (auto* message = std::get_if<QueuedMessage>(&*frame)) {
      joiner.add(std::move(*message));
    } else if (const auto* content = std::get_if<frames::QueuedContent>(&*frame)) {
      if (listener.on_content) listener.on_content(content->bytes);
    } else if (const auto* done = std::get_if<frames::ControlDone>(&*frame)) {
      answer = *done;
    }
  }
  joiner.flush();
}

}  // namespace

frames::ControlDone ask(const Context& context, frames::ToControl question,
                        const Listener& listener) {
  net::asio::io_context loop{1};
  Channel channel(loop.get_executor(), connect_to(control_socket_of(context)));
  channel.send(std::move(question));
  std::optional<frames::ControlDone> answer;
  net::Nursery nursery(loop.get_executor());
  nursery.start(listen(channel, listener, answer));
  loop.run();
  if (!answer) throw Failure{EX_UNAVAILABLE, "postern went away before it had answered"};
  return *answer;
}

}  // namespace postern::cli
