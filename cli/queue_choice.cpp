#include "queue_choice.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <map>
#include <string_view>

#include "daemon/quantity.h"
#include "failure.h"
#include "foreign_text.h"
#include "mail/mailbox.h"

namespace postern::cli {
namespace {

using frames::RecipientState;

constexpr std::size_t max_ids = 100'000;  // they fit into one frame

[[noreturn]] void refuse(std::string_view option, std::string_view value, std::string_view why) {
  throw Failure{EX_USAGE, fmt::format("{} \"{}\": {}", option, printable(value), why)};
}

// As mail::Mailbox writes it; `<a@b>` is as good as `a@b`.
std::string address(std::string_view option, std::string text) {
  if (text.size() > 2 && text.starts_with('<') && text.ends_with('>'))
    text = text.substr(1, text.size() - 2);
  const auto mailbox = mail::Mailbox::parse(text);
  if (!mailbox) refuse(option, text, mailbox.error().reason);
  return mailbox->text();
}

// As the domain of a mailbox.
std::string domain(std::string_view option, const std::string& text) {
  const auto mailbox = mail::Mailbox::parse("any@" + text);
  if (text.find('@') != std::string::npos || !mailbox) {
    refuse(option, text, mailbox ? "is an address" : std::string_view(mailbox.error().reason));
  }
  return mailbox->domain();
}

std::chrono::seconds duration(std::string_view option, const std::string& text) {
  const auto parsed = daemon::parse_duration(text);
  if (!parsed)
    refuse(option, text, parsed.error().reason + "; write a number with its unit, such as 5m");
  return *parsed;
}

}  // namespace

bool Choice::is_filter() const {
  return sender || recipient || domain || login || older_than || newer_than || state;
}

std::shared_ptr<Choice> add_filter(CLI::App& command) {
  const std::map<std::string, RecipientState> states = {
      {"waiting", RecipientState::waiting}, {"delivering", RecipientState::leased},
      {"held", RecipientState::held},       {"delivered", RecipientState::delivered},
      {"bounced", RecipientState::bounced}, {"deleted", RecipientState::deleted}};
  auto choice = std::make_shared<Choice>();
  const auto add = [&](const char* name, auto& value, const char* type, const char* help) {
    return command.add_option(name, value, help)->option_text(type)->group("Filters");
  };
  add("--sender", choice->sender, "ADDRESS", "sent from this address; <> is that of bounces");
  add("--recipient", choice->recipient, "ADDRESS", "sent to this address");
  add("--domain", choice->domain, "DOMAIN", "sent to an address in this domain");
  add("--login", choice->login, "NAME", "sent by the user who logged in with this name");
  add("--state", choice->state, "waiting|delivering|held|...",
      "of a recipient; also delivered, bounced and deleted, where others of the message wait")
      ->transform([states](const std::string& text) {
        const auto state = states.find(text);
        if (state != states.end()) return std::to_string(static_cast<int>(state->second));
        throw CLI::ValidationError(
            "--state", text + " is none: waiting, delivering, held, delivered, bounced or deleted");
      });
  add("--older-than", choice->older_than, "TIME", "came in at least so long ago: 30s, 5m, 4h, 2d");
  add("--newer-than", choice->newer_than, "TIME", "came in at most so long ago");
  return choice;
}

void add_ids(CLI::App& command, const std::shared_ptr<Choice>& choice) {
  command.add_option("ID", choice->ids, "messages, as `postern queue list` names them")
      ->option_text("...");
}

void add_all(CLI::App& command, const std::shared_ptr<Choice>& choice) {
  command.add_flag("--all", choice->all, "every message in the queue");
}

mail::MessageId parse_id(const std::string& text) {
  const auto id = mail::MessageId::parse(text);
  if (!id) {
    throw Failure{EX_USAGE,
                  fmt::format("{} is no message id: see `postern queue list`", printable(text))};
  }
  return *id;
}

frames::QueueFilter filter_of(const Choice& choice) {
  if (choice.all && (choice.is_filter() || !choice.ids.empty()))
    throw Failure{EX_USAGE, "--all means every message: leave it, or the filters and ids, away"};
  if (choice.ids.size() > max_ids)
    throw Failure{EX_USAGE, fmt::format("that is more than {} ids", max_ids)};
  frames::QueueFilter filter;
  for (const std::string& id : choice.ids) filter.ids.push_back(parse_id(id));
  if (choice.sender == "<>") {
    filter.sender = "<>";
  } else if (choice.sender) {
    filter.sender = address("--sender", *choice.sender);
  }
  if (choice.recipient) filter.recipient = address("--recipient", *choice.recipient);
  if (choice.domain) filter.domain = domain("--domain", *choice.domain);
  if (choice.login && choice.login->empty()) refuse("--login", "", "is no name");
  if (choice.login) filter.login = *choice.login;
  filter.state = choice.state;
  if (choice.older_than) filter.min_age = duration("--older-than", *choice.older_than);
  if (choice.newer_than) filter.max_age = duration("--newer-than", *choice.newer_than);
  return filter;
}

}  // namespace postern::cli
