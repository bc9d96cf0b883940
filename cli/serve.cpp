// `postern serve`: runs Postern in the foreground.
#include "command.h"
#include "daemon/supervisor.h"

namespace postern::cli {

void add_serve(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "serve", "run Postern in the foreground until SIGTERM; SIGHUP rereads the configuration");
  command->callback([&context] { context.exit_code = daemon::supervise(context.config_file); });
}

}  // namespace postern::cli
