// The one program: every command, and every role, is this executable under a different first word.
#include <sysexits.h>

#include <string_view>

#include "command.h"
#include "daemon/config.h"

namespace {

using namespace postern::cli;

/// Runs the command that is asked for. One that lasts, it leaves in the context.
void obey(int argc, char** argv, Context& context) {
  CLI::App app("Postern: the smarthost that an office can trust with all its outgoing mail.",
               "postern");
  app.set_version_flag("--version", "postern " POSTERN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // `postern user add alice --config FILE`: an option of `user`, said behind `add`

  for (auto add : {add_serve, add_check, add_user, add_queue, add_spool, add_catch, add_relay_test})
    add(app, context);
  for (CLI::App* command : app.get_subcommands({})) {
    command->add_option("--config", context.config_file, "the configuration file")
        ->capture_default_str();
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == 0;
    context.exit_code = app.exit(error) == 0 && is_help ? EX_OK : EX_USAGE;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    // No command for users, and started by ourselves: it does without all that reads a command line.
    if (argc == 3 && argv[1] == std::string_view("role")) return run_role(argv[2]);
    Context context;
    context.config_file = postern::daemon::default_config_file;
    obey(argc, argv, context);
    return context.service ? context.service() : context.exit_code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "postern: %s\n", error.what());
    return EX_SOFTWARE;
  }
}
