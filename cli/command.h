// The commands of `postern`, one file each. Every function adds its subcommand to `app`; the one that was asked for leaves
// its exit code (sysexits.h) in the context.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace postern::cli {

struct Context {
  std::string config_file;
  int exit_code = 0;
};

void add_serve(CLI::App& app, Context& context);
void add_check(CLI::App& app, Context& context);
void add_user(CLI::App& app, Context& context);
void add_queue(CLI::App& app, Context& context);
void add_spool(CLI::App& app, Context& context);
void add_catch(CLI::App& app, Context& context);
void add_relay_test(CLI::App& app, Context& context);
/// Hidden: what the supervisor starts for each role.
void add_role(CLI::App& app, Context& context);

}  // namespace postern::cli
