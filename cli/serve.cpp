// `postern serve`: runs Postern in the foreground.
#include "command.h"
#include "daemon/supervisor.h"

namespace postern::cli {

void add_serve(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "serve", "run Postern in the foreground until SIGTERM; SIGHUP rereads the configuration");
  command->callback([&context] {
    context.service = [file = context.config_file] { return daemon::supervise(file); };
  });
}

}  // namespace postern::cli
