// `postern check`: is the configuration right, and what does it allow?
#include <fmt/format.h>
#include <sysexits.h>

#include <cstdio>

#include "command.h"
#include "daemon/config.h"
#include "daemon/summary.h"

namespace postern::cli {
namespace {

int report(const std::string& file, const std::vector<daemon::ConfigError>& errors) {
  for (const daemon::ConfigError& error : errors)
    fmt::print(stderr, "{}\n", daemon::text_of(file, error));
  fmt::print(stderr, "{}: {}; Postern does not start with this file.\n", file,
             errors.size() == 1 ? "1 error" : fmt::format("{} errors", errors.size()));
  return EX_CONFIG;
}

int report(const daemon::Config& config) {
  for (const daemon::ConfigError& warning : config.warnings) {
    fmt::print(stderr, "warning: {}\n", daemon::text_of(config.file, warning));
  }
  fmt::print("{} is right. It means:\n\n{}", config.file, daemon::summary_of(config));
  return EX_OK;
}

int check(const std::string& file) {
  const daemon::LoadedConfig loaded = daemon::load_config(file);
  if (const auto* errors = std::get_if<std::vector<daemon::ConfigError>>(&loaded))
    return report(file, *errors);
  return report(std::get<daemon::Config>(loaded));
}

}  // namespace

void add_check(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand(
      "check", "show all errors of the configuration, or in plain words what it allows");
  command->callback([&context] { context.exit_code = check(context.config_file); });
}

}  // namespace postern::cli
