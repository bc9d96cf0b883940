// postern queue: looks into the queue and acts on it. The question goes over the control socket of the running server
// (queue_question.h); what it concerns (queue_choice.h) and how an answer is shown (queue_text.h, queue_json.h) have files of
// their own.
#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "command.h"
#include "failure.h"
#include "queue_choice.h"
#include "queue_json.h"
#include "queue_question.h"
#include "queue_text.h"

namespace postern::cli {
namespace {

using frames::QueueAction;
using frames::QueuedMessage;
using frames::RecipientState;

constexpr const char* examples = R"(Examples:
  postern queue list --domain example.com --state waiting
  postern queue list --json --older-than 1d
  postern queue show 06R4ZK8V2QW3N
  postern queue show 06R4ZK8V2QW3N --content > message.eml
  postern queue hold --login printer@office.example
  postern queue release --login printer@office.example
  postern queue bounce --domain gmial.com --dry-run
  postern queue delete --sender '<>' --older-than 2d

A filter that names a recipient, a domain or a state means just those recipients: `bounce --domain gmial.com`
returns the mail for that domain to its senders, and leaves the other recipients of the same messages alone.
Several filters mean what meets all of them. Addresses are compared as they stand in the envelope, domains in
any case.

What a remote server answered stands behind its name; what Postern says itself, in parentheses. Every action
is in the log, with who did it.

Exit codes: 0 done, also where a filter meets nothing; 64 usage; 65 an id that is not in the queue, or a damaged
message; 69 postern is not running; 75 some of it is being delivered right now; 77 you may not.)";

int finish(const frames::ControlDone& done) {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Failure{EX_IOERR, "the answer could not be written"};
  if (done.error.empty()) return EX_OK;
  fmt::print(stderr, "postern: {}\n", done.error);
  return EX_DATAERR;
}

int list(const Context& context, const Choice& choice, bool as_json) {
  std::size_t count = 0;
  const frames::QueueList question{filter_of(choice)};
  const auto on_message = [&](const QueuedMessage& message) {
    if (as_json) fmt::print("{}{}", count == 0 ? "[" : ",\n", summary_json(message));
    if (!as_json) fmt::print("{}", summary_text(message));
    ++count;
  };
  const frames::ControlDone done = ask(context, question, {on_message});
  if (as_json) fmt::print("{}]\n", count == 0 ? "[" : "");
  if (!as_json)
    fmt::print("{} {}\n", counted(count, "message"),
               choice.is_empty() ? "in the queue" : "of those asked for");
  return finish(done);
}

enum class Shown { text, json, content };

int show(const Context& context, const std::string& id, Shown how) {
  const frames::QueueShow question{parse_id(id), how == Shown::content};
  const auto on_message = [&](const QueuedMessage& message) {
    if (how == Shown::json) fmt::print("{}\n", whole_json(message));
    if (how == Shown::text) fmt::print("{}", whole_text(message));
  };
  const auto on_content = [](const std::string& bytes) {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  };
  return finish(ask(context, question, {on_message, on_content}));
}

/// An action, and the words for it.
struct Act {
  QueueAction action;
  const char* name;
  const char* help;
  const char* done;     // `3 recipients of 2 messages ...`
  const char* lent;     // what becomes of those that are being delivered
  bool is_lent_missed;  // and so it is worth while to try again
};

constexpr Act acts[] = {
    {QueueAction::flush, "flush",
     "try now, whatever the destinations' pauses; messages keep their age. Without ID or filter: "
     "all",
     "due now", "being delivered right now", false},
    {QueueAction::hold, "hold",
     "keep, and do not deliver, until it is released; held mail does not expire, and nobody is "
     "warned of it",
     "held", "being delivered right now, held if that does not end it", false},
    {QueueAction::release, "release",
     "deliver what was held, at once; what is older than `expire` by now is tried once more",
     "released", "being delivered right now, and not held afterwards", false},
    {QueueAction::remove, "delete", "throw away for good; nobody is told", "deleted",
     "being delivered right now, and left alone: try again", true},
    {QueueAction::bounce, "bounce",
     "give up now: return it to its sender, as if it had failed, with the last answer",
     "returned to the sender", "being delivered right now, and left alone: try again", true},
};

/// Recipients, and the messages that they are of.
struct Count {
  std::size_t recipients = 0;
  std::size_t messages = 0;

  void add(std::size_t more) {
    recipients += more;
    messages += more > 0 ? 1 : 0;
  }
  [[nodiscard]] std::string text() const {
    return counted(recipients, "recipient") + " of " + counted(messages, "message");
  }
};

std::size_t count_in(const QueuedMessage& message, auto is_meant) {
  return static_cast<std::size_t>(std::ranges::count_if(message.recipients, is_meant));
}

bool would_be_done(QueueAction action, RecipientState state) {
  if (action == QueueAction::flush || action == QueueAction::hold)
    return state == RecipientState::waiting;
  if (action == QueueAction::release) return state == RecipientState::held;
  return state == RecipientState::waiting || state == RecipientState::held;
}

int act(const Context& context, const Choice& choice, const Act& what, bool is_dry) {
  if (choice.is_empty() && what.action != QueueAction::flush) {
    throw Failure{EX_USAGE,
                  fmt::format("{} what? Name messages, filters (see --help), or --all", what.name)};
  }
  frames::QueueFilter filter = filter_of(choice);
  Count done, lent;
  const auto on_message = [&](const QueuedMessage& message) {
    done.add(count_in(message, [&](const frames::QueuedRecipient& recipient) {
      return is_dry ? would_be_done(what.action, recipient.state)
                    : recipient.state != RecipientState::leased;
    }));
    lent.add(count_in(message, [](const frames::QueuedRecipient& recipient) {
      return recipient.state == RecipientState::leased;
    }));
    if (is_dry) fmt::print("{}", summary_text(message));
  };
  frames::ToControl question = frames::QueueAct{what.action, filter};
  if (is_dry) question = frames::QueueList{std::move(filter)};
  const frames::ControlDone answer = ask(context, std::move(question), {on_message});
  fmt::print("{} {}{}\n", done.text(), is_dry ? "would be " : "", what.done);
  if (lent.recipients > 0) fmt::print("{} {}\n", lent.text(), what.lent);
  const int code = finish(answer);
  return code == EX_OK && what.is_lent_missed && lent.recipients > 0 ? EX_TEMPFAIL : code;
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

void add_list(CLI::App& queue, Context& context) {
  auto* command = queue.add_subcommand("list", "what waits and why, oldest first");
  const auto choice = add_filter(*command);
  add_ids(*command, choice);
  const auto as_json = std::make_shared<bool>(false);
  command->add_flag("--json", *as_json, "an array, one object a message");
  command->callback(
      guarded(context, [&context, choice, as_json] { return list(context, *choice, *as_json); }));
}

void add_show(CLI::App& queue, Context& context) {
  auto* command = queue.add_subcommand(
      "show", "one message: its envelope, what was answered to each attempt, its header section");
  struct Arguments {
    std::string id;
    bool as_json = false;
    bool as_content = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("ID", arguments->id, "the message")->required();
  auto* as_json = command->add_flag("--json", arguments->as_json, "as a JSON object");
  command
      ->add_flag("--content", arguments->as_content,
                 "the message itself, octet by octet as it is delivered, to standard output")
      ->excludes(as_json);
  command->callback(guarded(context, [&context, arguments] {
    const Shown how = arguments->as_json      ? Shown::json
                      : arguments->as_content ? Shown::content
                                              : Shown::text;
    return show(context, arguments->id, how);
  }));
}

void add_act(CLI::App& queue, Context& context, const Act& what) {
  auto* command = queue.add_subcommand(what.name, what.help);
  const auto choice = add_filter(*command);
  add_ids(*command, choice);
  add_all(*command, choice);
  const auto is_dry = std::make_shared<bool>(false);
  command->add_flag("--dry-run", *is_dry, "do nothing; list what would be concerned");
  command->callback(guarded(
      context, [&context, choice, &what, is_dry] { return act(context, *choice, what, *is_dry); }));
}

}  // namespace

void add_queue(CLI::App& app, Context& context) {
  auto* queue = app.add_subcommand(
      "queue", "look into the queue; retry, hold, release, delete and return mail");
  queue->require_subcommand(1);
  add_list(*queue, context);
  add_show(*queue, context);
  for (const Act& what : acts) add_act(*queue, context, what);
  queue->footer(examples);  // not of each command, too
}

}  // namespace postern::cli
