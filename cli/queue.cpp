// postern queue: looks into the queue and acts on it, over the control socket of the running server.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>

#include <boost/asio/io_context.hpp>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "command.h"
#include "daemon/config.h"
#include "net/channel.h"
#include "net/frames.h"

namespace postern::cli {
namespace {

using frames::QueuedMessage;
using frames::QueuedRecipient;
using frames::RecipientState;

/// Ends the command: one line for the user, and the exit code.
struct Failure {
  int exit_code;
  std::string text;
};

using OnMessage = std::function<void(const QueuedMessage&)>;

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

/// Asks the server, and hands every message of its answer to `on_message`.
class Question {
 public:
  Question(const Context& context, OnMessage on_message)
      : channel_(loop_.get_executor(), connect_to(control_socket_of(context))),
        on_message_(std::move(on_message)) {}

  frames::ControlDone ask(frames::ToControl question) {
    channel_.send(std::move(question));
    net::Nursery nursery(loop_.get_executor());
    nursery.start(listen());
    loop_.run();
    if (!answer_) throw Failure{EX_UNAVAILABLE, "postern went away before it had answered"};
    return *answer_;
  }

 private:
  net::Task<> listen() {
    while (!answer_) {
      net::Result<frames::FromControl> frame = co_await channel_.receive();
      if (!frame) co_return;
      if (const auto* message = std::get_if<QueuedMessage>(&*frame)) {
        on_message_(*message);
      } else if (const auto* done = std::get_if<frames::ControlDone>(&*frame)) {
        answer_ = *done;
      }
    }
  }

  net::asio::io_context loop_{1};
  net::Channel<frames::ToControl, frames::FromControl> channel_;
  OnMessage on_message_;
  std::optional<frames::ControlDone> answer_;
};

std::string_view name_of(RecipientState state) {
  switch (state) {
    case RecipientState::waiting:
      return "waiting";
    case RecipientState::leased:
      return "delivering";
    case RecipientState::delivered:
      return "delivered";
    case RecipientState::bounced:
      return "bounced";
    default:
      return "deleted";
  }
}

std::string time_text(std::chrono::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(time)));
}

/// A JSON string (RFC 8259, 7). What is no ASCII stays as it is: it was UTF-8, or nothing that we let in.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

/// For a terminal: whoever wrote this text does not get to move the cursor.
std::string printable(std::string text) {
  for (char& c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) c = '?';
  }
  return text;
}

std::string json_of(const QueuedRecipient& recipient) {
  return fmt::format(
      R"({{"recipient":{},"state":{},"destination":{},"attempts":{},"next_attempt":{},"last_answer":{}}})",
      json_string(recipient.mailbox.text()), json_string(name_of(recipient.state)),
      json_string(recipient.destination), recipient.attempts,
      json_string(time_text(recipient.next_attempt)), json_string(recipient.last_answer));
}

std::string json_of(const QueuedMessage& message) {
  std::string recipients;
  for (const QueuedRecipient& recipient : message.recipients) {
    if (!recipients.empty()) recipients += ',';
    recipients += json_of(recipient);
  }
  const mail::Origin& origin = message.envelope.origin;
  return fmt::format(
      R"({{"id":{},"arrival":{},"size":{},"from":{},"client":{},"login":{},"recipients":[{}]}})",
      json_string(message.id.text()), json_string(time_text(message.id.made_at())), message.size,
      json_string(message.envelope.reverse_path ? message.envelope.reverse_path->text()
                                                : std::string()),
      json_string(origin.client), json_string(origin.login), recipients);
}

void print_recipient(const QueuedRecipient& recipient) {
  fmt::print("    {:<10} {}", name_of(recipient.state), recipient.mailbox.text());
  if (recipient.state == RecipientState::waiting) {
    fmt::print("  attempts {}, next {}", recipient.attempts, time_text(recipient.next_attempt));
  }
  fmt::print("  via {}\n", recipient.destination);
  if (!recipient.last_answer.empty())
    fmt::print("               {}\n", printable(recipient.last_answer));
}

void print_message(const QueuedMessage& message) {
  fmt::print("{}  {}  {:>9} bytes  from {}\n", message.id.text(), time_text(message.id.made_at()),
             message.size, mail::text_of(message.envelope.reverse_path));
  for (const QueuedRecipient& recipient : message.recipients) print_recipient(recipient);
}

void print_whole_message(const QueuedMessage& message) {
  const mail::Origin& origin = message.envelope.origin;
  print_message(message);
  if (!origin.client.empty()) {
    fmt::print("    came from {} ({}), let in by {}\n", origin.client, printable(origin.helo),
               origin.login.empty() ? "mynetworks" : "login " + printable(origin.login));
  }
  std::string header = message.header;
  std::erase(header, '\r');
  fmt::print("\n{}\n", printable(std::move(header)));
}

std::vector<mail::MessageId> parse_ids(const std::vector<std::string>& texts) {
  std::vector<mail::MessageId> ids;
  for (const std::string& text : texts) {
    const auto id = mail::MessageId::parse(text);
    if (!id)
      throw Failure{EX_USAGE,
                    fmt::format("{} is no message id: see `postern queue list`", printable(text))};
    ids.push_back(*id);
  }
  return ids;
}

int finish(const frames::ControlDone& done) {
  if (done.error.empty()) return EX_OK;
  fmt::print(stderr, "postern: {}\n", done.error);
  return EX_DATAERR;
}

int list(const Context& context, bool as_json) {
  std::size_t count = 0;
  Question question(context, [&](const QueuedMessage& message) {
    if (as_json) fmt::print("{}{}", count == 0 ? "[" : ",\n", json_of(message));
    if (!as_json) print_message(message);
    ++count;
  });
  const frames::ControlDone done = question.ask(frames::QueueList{{}});
  if (as_json) fmt::print("{}]\n", count == 0 ? "[" : "");
  if (!as_json) fmt::print("{} message{} in the queue\n", count, count == 1 ? "" : "s");
  return finish(done);
}

int show(const Context& context, const std::string& id) {
  Question question(context, print_whole_message);
  return finish(question.ask(frames::QueueShow{parse_ids({id}).front(), false}));
}

int act(const Context& context, frames::QueueAction action, const std::vector<std::string>& ids,
        std::string_view what) {
  frames::QueueAct request{action, {}};
  request.filter.ids = parse_ids(ids);
  Question question(context, [](const QueuedMessage&) {});
  const frames::ControlDone done = question.ask(std::move(request));
  fmt::print("{} {}\n", done.count, what);
  return finish(done);
}

/// Runs a command, and turns its failure into a line and an exit code.
std::function<void()> guarded(Context& context, std::function<int()> command) {
  return [&context, command = std::move(command)] {
    try {
      context.exit_code = command();
    } catch (const Failure& failure) {
      fmt::print(stderr, "postern: {}\n", failure.text);
      context.exit_code = failure.exit_code;
    }
  };
}

struct Choice {
  std::vector<std::string> ids;
  bool all = false;
};

/// Either some ids, or --all.
std::shared_ptr<Choice> add_choice(CLI::App& command) {
  auto choice = std::make_shared<Choice>();
  auto* ids = command.add_option("ID", choice->ids, "messages, as `postern queue list` names them");
  auto* all = command.add_flag("--all", choice->all, "every message in the queue");
  ids->excludes(all);
  return choice;
}

void add_list(CLI::App& queue, Context& context) {
  auto* command = queue.add_subcommand("list", "what waits, oldest first");
  auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "an array, one object a message");
  command->callback(guarded(context, [&context, as_json] { return list(context, *as_json); }));
}

void add_show(CLI::App& queue, Context& context) {
  auto* command =
      queue.add_subcommand("show", "one message: its recipients, last answers, and header");
  auto id = std::make_shared<std::string>();
  command->add_option("ID", *id, "the message")->required();
  command->callback(guarded(context, [&context, id] { return show(context, *id); }));
}

void add_flush(CLI::App& queue, Context& context) {
  auto* command =
      queue.add_subcommand("flush", "try now; messages keep their age. Without ID: all");
  const auto choice = add_choice(*command);
  command->callback(guarded(context, [&context, choice] {
    return act(context, frames::QueueAction::flush, choice->ids, "due now");
  }));
}

void add_delete(CLI::App& queue, Context& context) {
  auto* command = queue.add_subcommand("delete", "throw away for good, without a bounce");
  const auto choice = add_choice(*command);
  command->callback(guarded(context, [&context, choice] {
    if (choice->ids.empty() && !choice->all)
      throw Failure{EX_USAGE, "delete what? Name messages, or say --all"};
    return act(context, frames::QueueAction::remove, choice->ids, "deleted");
  }));
}

}  // namespace

void add_queue(CLI::App& app, Context& context) {
  auto* queue = app.add_subcommand("queue", "look into the queue, retry, delete");
  queue->require_subcommand(1);
  add_list(*queue, context);
  add_show(*queue, context);
  add_flush(*queue, context);
  add_delete(*queue, context);
}

}  // namespace postern::cli
