// `postern catch`: an SMTP server that takes everything, shows it and forwards nothing. For demonstrations and tests.
#include <fmt/format.h>
#include <sysexits.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "caught_mail.h"
#include "command.h"
#include "daemon/endpoint.h"
#include "relaytest/catcher.h"

namespace postern::cli {
namespace {

struct Arguments {
  std::string listen;
  std::string directory;
  std::string certificate;
  std::string key;
  std::vector<std::string> replies;
  std::uint64_t count = 0;
  bool is_quiet = false;
  bool from_anywhere = false;
  Show show = Show::none;
};

int complain(int exit_code, const std::string& what) {
  fmt::print(stderr, "postern catch: {}\n", what);
  return exit_code;
}

std::string read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What to do: made of the arguments.
struct Task {
  daemon::Endpoint listen;
  std::uint64_t count = 0;  // messages to catch before it ends; 0: until a signal
  relaytest::Catcher::Options options;
};

/// What is wrong with the arguments; empty: nothing, and they are in `task`.
std::string parse(const Arguments& arguments, Task& task) {
  const auto endpoint = daemon::parse_endpoint(arguments.listen);
  if (!endpoint) return fmt::format("--listen {}: {}", arguments.listen, endpoint.error().reason);
  if (!endpoint->is_loopback() && !arguments.from_anywhere) {
    return fmt::format(
        "{} is not a loopback address: whoever can reach it loses mail here; if that is meant, add "
        "--from-anywhere",
        arguments.listen);
  }
  task.listen = *endpoint;
  task.count = arguments.count;
  for (const std::string& reply : arguments.replies) {
    const auto added = task.options.replies.add(reply);
    if (!added) return fmt::format("--reply {}: {}", reply, added.error().reason);
  }
  if (arguments.certificate.empty()) return {};
  const auto tls =
      net::server_tls(read(arguments.certificate),
                      read(arguments.key.empty() ? arguments.certificate : arguments.key));
  if (!tls) return "--certificate, --key: " + tls.error();
  task.options.tls = *tls;
  return {};
}

/// Listens, says so (with the port that was chosen for port 0), and serves until there is enough, SIGINT or SIGTERM.
void serve(Task task, CaughtMail& caught) {
  net::asio::io_context loop{1};
  const net::asio::ip::tcp::endpoint address(task.listen.address, task.listen.port);
  net::TcpAcceptor acceptor(loop.get_executor(), address);
  const auto bound = acceptor.local_endpoint();
  fmt::print("listening on {}\n", daemon::Endpoint{bound.address(), bound.port()}.text());
  std::fflush(stdout);

  net::asio::basic_signal_set<net::Executor> signals(loop.get_executor(), SIGINT, SIGTERM);
  relaytest::Catcher catcher(
      std::move(acceptor), std::move(task.options), [&](const relaytest::CaughtMessage& message) {
        const auto has_enough = [&] { return task.count > 0 && caught.count() >= task.count; };
        const bool is_taken = !has_enough() && caught.add(message);
        if (has_enough()) signals.cancel();
        return is_taken;
      });
  catcher.start();
  net::Nursery ending(loop.get_executor());
  signals.async_wait([&](net::error_code, int) { ending.start(catcher.stop()); });
  loop.run();
}

int run(const Arguments& arguments) {
  Task task;
  const std::string error = parse(arguments, task);
  if (!error.empty()) return complain(EX_USAGE, error);
  try {
    CaughtMail::Options output{arguments.is_quiet, arguments.show, {}};
    if (!arguments.directory.empty()) output.directory = arguments.directory;
    CaughtMail caught(std::move(output));
    task.options.limits.kept = caught.needed_content(task.options.limits.content);
    serve(std::move(task), caught);
    fmt::print("caught {}\n", caught.totals());
    return EX_OK;
  } catch (const std::filesystem::filesystem_error& failure) {
    return complain(EX_CANTCREAT, failure.what());
  } catch (const boost::system::system_error& failure) {
    return complain(EX_UNAVAILABLE, fmt::format("cannot listen on {}: {}", arguments.listen,
                                                failure.code().message()));
  }
}

}  // namespace

void add_catch(CLI::App& app, Context& context) {
  const std::map<std::string, Show> shows = {
      {"none", Show::none}, {"headers", Show::headers}, {"all", Show::all}};
  auto* command = app.add_subcommand("catch",
                                     "an SMTP server that takes everything, shows it and forwards "
                                     "nothing: for demonstrations and tests");
  const auto arguments = std::make_shared<Arguments>();
  command->add_option("--listen", arguments->listen, "where to listen; port 0: any free port")
      ->type_name("ADDRESS:PORT")
      ->default_val("127.0.0.1:2525");
  command->add_option(
      "--directory", arguments->directory,
      "write each message to a file NNNNNN.eml here, and its envelope to NNNNNN.json");
  command->add_option("--show", arguments->show, "what to print of each message, behind its line")
      ->transform(CLI::CheckedTransformer(shows))
      ->option_text("none|headers|all");
  command->add_flag("--quiet", arguments->is_quiet,
                    "print nothing about single messages, only count");
  command->add_option("--count", arguments->count, "end after so many messages");
  command
      ->add_option("--reply", arguments->replies,
                   "answer otherwise: STEP is connect, ehlo, mail, rcpt, data or content; CODE 400 "
                   "to 599, or drop; "
                   "the first TIMES times, or always")
      ->type_name("STEP=CODE[:TIMES]")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  auto* certificate = command->add_option("--certificate", arguments->certificate,
                                          "PEM file: offer STARTTLS with it");
  command
      ->add_option("--key", arguments->key, "PEM file: its key, where that is not in the same file")
      ->needs(certificate);
  command->add_flag("--from-anywhere", arguments->from_anywhere,
                    "listen on an address that is not loopback");
  command->callback([&context, arguments] { context.exit_code = run(*arguments); });
}

}  // namespace postern::cli
