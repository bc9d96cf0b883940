// The one program: every command, and every role, is this executable under a different first word.
#include <sysexits.h>

#include "command.h"
#include "daemon/config.h"

int main(int argc, char** argv) {
  using namespace postern::cli;
  CLI::App app("Postern: the smarthost that an office can trust with all its outgoing mail.",
               "postern");
  app.set_version_flag("--version", "postern " POSTERN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // `postern user add alice --config FILE`: an option of `user`, said behind `add`

  Context context;
  context.config_file = postern::daemon::default_config_file;
  for (auto add : {add_serve, add_check, add_user, add_queue, add_spool, add_catch, add_relay_test, add_role})
    add(app, context);
  for (CLI::App* command : app.get_subcommands({})) {
    command->add_option("--config", context.config_file, "the configuration file")
        ->capture_default_str();
  }

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_help = error.get_exit_code() == 0;
    return app.exit(error) == 0 && is_help ? EX_OK : EX_USAGE;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "postern: %s\n", error.what());
    return EX_SOFTWARE;
  }
  return context.exit_code;
}
