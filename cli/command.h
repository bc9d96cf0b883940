// The commands of `postern`, one file each. Every function adds its subcommand to `app`; the one that was asked for leaves
// its exit code (sysexits.h) in the context, or, if it lasts, what is to be run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace postern::cli {

struct Context {
  std::string config_file;
  int exit_code = 0;
  std::function<int()>
      service;  // gives the exit code; run when the command line and its memory have gone
};

void add_serve(CLI::App& app, Context& context);
void add_check(CLI::App& app, Context& context);
void add_user(CLI::App& app, Context& context);
void add_queue(CLI::App& app, Context& context);
void add_spool(CLI::App& app, Context& context);
void add_catch(CLI::App& app, Context& context);
void add_relay_test(CLI::App& app, Context& context);

/// Not for users: what the supervisor starts for each role. The exit code.
int run_role(std::string_view name);

}  // namespace postern::cli
