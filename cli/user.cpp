// `postern user ...`: who may log in. The users file is auth's; here is what to say to the person who changes it.
#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>
#include <memory>

#include "auth/password.h"
#include "auth/user_file.h"
#include "command.h"
#include "daemon/config.h"
#include "foreign_text.h"
#include "password_prompt.h"

namespace postern::cli {
namespace {

struct Arguments {
  std::string name;
  bool is_from_stdin = false;
  bool is_generated = false;
  bool is_json = false;
  std::vector<std::string> senders;
  bool any_sender = false;
};

int complain(int exit_code, const std::string& what) {
  fmt::print(stderr, "postern user: {}\n", what);
  return exit_code;
}

int exit_code_of(auth::UserFileError::Kind kind) {
  using Kind = auth::UserFileError::Kind;
  switch (kind) {
    case Kind::no_such_user:
      return EX_NOUSER;
    case Kind::user_exists:
    case Kind::bad_name:
    case Kind::bad_rights:
      return EX_DATAERR;
    case Kind::is_full:
    case Kind::unwritable:
      return EX_CANTCREAT;
    case Kind::is_busy:
      break;
  }
  return EX_TEMPFAIL;
}

int report(const auth::FileResult<>& result, const std::string& success) {
  if (!result) return complain(exit_code_of(result.error().kind), result.error().text);
  fmt::print("{}\n", success);
  return EX_OK;
}

AskedPassword password_for(const Arguments& arguments) {
  if (arguments.is_generated) return auth::generate_password();
  AskedPassword password =
      arguments.is_from_stdin ? read_password_line() : ask_password(arguments.name);
  if (!password) return password;
  if (auto objection = auth::objection_to_password(password->view())) return NoPassword{*objection};
  return password;
}

/// `set` puts the password into the file.
template <class Set>
int with_password(const Arguments& arguments, std::string_view done, Set set) {
  const AskedPassword password = password_for(arguments);
  if (!password) return complain(EX_DATAERR, password.error().why);
  const auth::FileResult<> result = set(password->view());
  const int exit_code = report(result, fmt::format("User {} {}.", arguments.name, done));
  if (result && arguments.is_generated) fmt::print("Password: {}\n", password->view());
  return exit_code;
}

int add(auth::UserFile file, const Arguments& arguments) {
  auth::SenderRights rights{{}, arguments.any_sender};
  for (const std::string& text : arguments.senders) {
    auto sender = mail::Mailbox::parse(text);
    if (!sender)
      return complain(EX_DATAERR, fmt::format("--sender {}: {}", text, sender.error().reason));
    rights.senders.push_back(std::move(*sender));
  }
  return with_password(arguments, "was added", [&](std::string_view password) {
    return file.add(arguments.name, password, rights);
  });
}

int change_password(auth::UserFile file, const Arguments& arguments) {
  return with_password(arguments, "has a new password", [&](std::string_view password) {
    return file.set_password(arguments.name, password);
  });
}

int remove(auth::UserFile file, const Arguments& arguments) {
  return report(file.remove(arguments.name), fmt::format("User {} was removed.", arguments.name));
}

std::string json_of(const auth::User& user) {
  std::string senders;
  for (const mail::Mailbox& sender : user.senders) {
    senders += (senders.empty() ? "" : ", ") + json_string(sender.text());
  }
  return fmt::format(R"({{"name": {}, "disabled": {}, "any_sender": {}, "senders": [{}]}})",
                     json_string(user.name), user.is_disabled, user.any_sender, senders);
}

/// What a user may send as, beside the own address: ` as a@b c@d`; empty: nothing.
std::string senders_of(const auth::User& user) {
  if (user.any_sender) return " as anyone";
  std::string text;
  for (const mail::Mailbox& sender : user.senders)
    text += (text.empty() ? " as " : " ") + sender.text();
  return text;
}

int list(auth::UserFile file, const Arguments& arguments) {
  const auth::FileResult<auth::UserTable> table = file.list();
  if (!table) return complain(EX_NOINPUT, table.error().text);
  std::string json;
  for (const auto& [name, user] : table->users()) {
    if (arguments.is_json) {
      json += (json.empty() ? "\n  " : ",\n  ") + json_of(user);
    } else {
      fmt::print("{}{}{}\n", name, senders_of(user), user.is_disabled ? " (disabled)" : "");
    }
  }
  if (arguments.is_json) fmt::print("[{}]\n", json.empty() ? "" : json + "\n");
  for (const auth::LineProblem& problem : table->problems()) {
    fmt::print(stderr, "warning: line {} is damaged and counts for nobody: {}\n", problem.line,
               problem.reason);
  }
  return EX_OK;
}

/// Runs `command` on the users file that the configuration names.
int run(const std::string& config_file, const Arguments& arguments,
        int (*command)(auth::UserFile file, const Arguments& arguments)) {
  const daemon::LoadedConfig loaded = daemon::load_config(config_file);
  if (const auto* errors = std::get_if<std::vector<daemon::ConfigError>>(&loaded)) {
    for (const daemon::ConfigError& error : *errors)
      fmt::print(stderr, "{}\n", daemon::text_of(config_file, error));
    return EX_CONFIG;
  }
  return command(auth::UserFile(std::get<daemon::Config>(loaded).users_file), arguments);
}

}  // namespace

void add_user(CLI::App& app, Context& context) {
  auto* user = app.add_subcommand("user", "add, change, remove and list the users who may log in");
  user->require_subcommand(1);
  const auto arguments = std::make_shared<Arguments>();

  const auto add_command = [&](const char* name, const char* help, auto command) {
    auto* subcommand = user->add_subcommand(name, help);
    subcommand->callback([arguments, command, &context] {
      context.exit_code = run(context.config_file, *arguments, command);
    });
    return subcommand;
  };
  const auto wants_name = [&](CLI::App* subcommand) {
    subcommand->add_option("name", arguments->name, "the name to log in with")->required();
  };
  const auto wants_password = [&](CLI::App* subcommand) {
    wants_name(subcommand);
    auto* from_stdin = subcommand->add_flag(
        "--password-stdin", arguments->is_from_stdin,
        "take the first line of standard input as the password, instead of asking");
    subcommand
        ->add_flag("--generate", arguments->is_generated,
                   "make up a strong password, and show it once")
        ->excludes(from_stdin);
  };

  auto* const adding = add_command("add", "add a user", add);
  wants_password(adding);
  adding
      ->add_option("--sender", arguments->senders,
                   "an address that the user may send as, beside the own one; --sender again for "
                   "each other one")
      ->allow_extra_args(false);
  adding->add_flag("--any-sender", arguments->any_sender, "the user may send as anyone");
  wants_password(add_command("passwd", "give a user another password", change_password));
  wants_name(add_command("remove", "remove a user; counts from the next login on", remove));
  add_command("list", "list the users", list)
      ->add_flag("--json", arguments->is_json, "as an array of objects");
}

}  // namespace postern::cli
