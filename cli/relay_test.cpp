// `postern relay-test`: is a mail server an open relay? Sends the catalogue of relay tricks (relaytest/catalogue.h), waits for what
// comes back, and calls open only what did. What to do is made in relay_plan.h; how it is told, in relay_text.h and relay_page.h.
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include <array>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "command.h"
#include "failure.h"
#include "foreign_text.h"
#include "relay_page.h"
#include "relay_plan.h"
#include "relay_text.h"
#include "relaytest/judge.h"
#include "relaytest/run_file.h"
#include "self_plan.h"

namespace postern::cli {
namespace {

using relaytest::Run;

constexpr const char* examples = R"(Examples:
  postern relay-test mail.example.net --i-may-test-this-host
  postern relay-test 192.168.10.5:25 --html report.html
  postern relay-test mail.example.net --mailbox probe@example.org --returns ~/Maildir --i-may-test-this-host
  postern relay-test 192.168.10.5 --dry-run
  postern relay-test --resume 20261122-081530-4f2a
  postern relay-test --self

Each probe is a whole message to the tester's own mailbox, with a token that nobody can make up. A server is called an
open relay only where such a message came back, and the report shows the way that it took. What a server accepts and does
not bring back is a mail sink, or waits in its queue: --resume looks again later.

The mailbox is relay-test@[our own address], and the tester listens there on port 25 (as root); or name your own one, and
by --listen or --returns where its mail arrives: a maildir, the folder of `postern catch --directory`, or the output of
`postern catch --show headers`. Nothing is ever addressed to anyone else but the target itself.

Ctrl-C ends the waiting, and reports what is known.

Exit codes: 0 closed; 1 open relay; 2 mail sink; 3 unreachable; 4 inconclusive; 64 usage; 65 a
damaged run; 68, 75 a name that DNS does not find; 69 cannot listen; 73, 74 cannot write the report.)";

struct Arguments {
  RelayArguments run;
  std::string resume;
  std::string html;
  std::string json;  // `-`: standard output, and nothing else there
  bool is_self = false;
  bool is_list = false;
  bool is_naive = false;
  bool shows_all = false;
};

void write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw Failure{EX_CANTCREAT, fmt::format("cannot write {}", path)};
}

TableOptions table_options(const Arguments& arguments) {
  TableOptions options;
  options.all = arguments.shows_all;
  options.naive = arguments.is_naive;
  options.colour = ::isatty(STDOUT_FILENO) != 0;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    options.width = size.ws_col;
  return options;
}

/// Before anything is sent, not after. Leaves no file behind.
void check_writable(const std::string& path) {
  if (path.empty() || path == "-") return;
  const bool was_there = std::filesystem::exists(path);
  const std::ofstream file(path, std::ios::app);
  if (!file) throw Failure{EX_CANTCREAT, fmt::format("cannot write {}", path)};
  if (!was_there) std::filesystem::remove(path);
}

int report(const Run& run, const Arguments& arguments) {
  if (arguments.json == "-") {
    fmt::print("{}\n", relaytest::json_of(run));
  } else {
    fmt::print("{}", table_of(run, table_options(arguments)));
    if (!arguments.json.empty()) write_file(arguments.json, relaytest::json_of(run) + '\n');
  }
  if (!arguments.html.empty()) write_file(arguments.html, page_of(run));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)
    throw Failure{EX_IOERR, "the report could not be written"};
  return relaytest::exit_code_of(relaytest::verdict_of(run));
}

/// The line that tells a person at a terminal how far it is; nobody else is told.
class ProgressLine {
 public:
  void show(const relaytest::Progress& progress) {
    if (is_terminal_) fmt::print(stderr, "\r\033[K{}", progress_line(progress));
  }
  ~ProgressLine() {
    if (is_terminal_) fmt::print(stderr, "\r\033[K");
  }

 private:
  bool is_terminal_ = ::isatty(STDERR_FILENO) != 0;
};

/// What was done must not be forgotten because it could not be kept.
void keep(const Run& run) {
  static bool has_failed = false;  // says it once
  if (has_failed) return;
  try {
    relaytest::save(run, relaytest::runs_directory());
  } catch (const std::exception& failure) {
    has_failed = true;
    fmt::print(stderr, "postern relay-test: this run cannot be resumed: {}\n",
               printable(failure.what()));
  }
}

/// Until it is over, or until the first SIGINT or SIGTERM; a second one ends the program.
void carry_out(net::asio::io_context& loop, Run& run, relaytest::Setup setup) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes without MSG_NOSIGNAL
  ProgressLine line;
  auto phase = relaytest::Progress::Phase::over;
  std::size_t returned = 0;
  relaytest::Tester tester(
      loop.get_executor(), run, std::move(setup), [&](const relaytest::Progress& progress) {
        line.show(progress);
        const bool is_news = progress.phase != phase || progress.returned != returned;
        phase = progress.phase;
        returned = progress.returned;
        if (is_news && !run.is_self) keep(run);
      });
  net::asio::basic_signal_set<net::Executor> signals(loop.get_executor(), SIGINT, SIGTERM);
  signals.add(SIGHUP);  // the terminal is closed
  signals.async_wait([&](net::error_code error, int) {
    signals.clear();
    if (!error) tester.stop();
  });
  net::Nursery nursery(loop.get_executor());
  const auto test = [](relaytest::Tester& whole, auto& until) -> net::Task<> {
    co_await whole.test();
    until.cancel();
  };
  nursery.start(test(tester, signals));
  loop.run();
}

int list_catalogue() {
  for (const relaytest::Trick& trick : relaytest::catalogue()) {
    fmt::print("{}  ({})\n    {}\n    {}\n", trick.name, trick.group, trick.reason, trick.source);
  }
  return EX_OK;
}

int print_dry(const Run& run) {
  for (const relaytest::Door& door : run.doors) {
    for (const relaytest::ProbeResult& probe : door.probes)
      fmt::print("{}\n", printable(relaytest::dry_run_of(run, door, probe)));
  }
  return EX_OK;
}

int test(RelayPlan plan, const Arguments& arguments) {
  if (arguments.run.is_dry) return print_dry(plan.run);
  net::asio::io_context loop{1};
  open_returns(plan, loop.get_executor());
  carry_out(loop, plan.run, std::move(plan.setup));
  return report(plan.run, arguments);
}

int test_ourselves(const std::string& config_file, const Arguments& arguments) {
  SelfPlan self = self_plan(config_file, arguments.run.only);
  if (arguments.run.is_dry) return print_dry(self.test.run);
  net::asio::io_context loop{1};
  carry_out(loop, self.test.run, relaytest::self_test_setup(loop.get_executor(), self.settings));
  return report(self.test.run, arguments);
}

int resume(Arguments arguments) {
  if (arguments.run.wait.empty()) arguments.run.wait = "1m";  // most of what can come is there
  RelayPlan plan{relaytest::load(arguments.resume, relaytest::runs_directory()),
                 setup_of(arguments.run)};
  for (relaytest::Door& door : plan.run.doors) door.trouble.clear();  // it may have passed
  if (!arguments.run.listen.empty()) plan.run.listen = arguments.run.listen;
  if (!arguments.run.returns.empty()) plan.run.returns = arguments.run.returns;
  return test(std::move(plan), arguments);
}

int run(const std::string& config_file, const Arguments& arguments) {
  try {
    check_writable(arguments.html);
    check_writable(arguments.json);
    if (arguments.is_list) return list_catalogue();
    if (arguments.is_self) return test_ourselves(config_file, arguments);
    if (!arguments.resume.empty()) return resume(arguments);
    if (arguments.run.target.empty())
      throw Failure{EX_USAGE, "say which HOST to test, or --self, or --resume RUN"};
    return test(new_plan(arguments.run), arguments);
  } catch (const Failure& failure) {
    fmt::print(stderr, "postern relay-test: {}\n", printable(failure.text));
    return failure.exit_code;
  } catch (const std::runtime_error& failure) {
    fmt::print(stderr, "postern relay-test: {}\n", printable(failure.what()));
    return EX_DATAERR;
  }
}

void add_options(CLI::App& command, Arguments& arguments) {
  RelayArguments& run = arguments.run;
  auto* target =
      command.add_option("target", run.target, "the server; without a port: 25, 465 and 587")
          ->type_name("HOST[:PORT]");
  command.add_flag("--implicit-tls", run.is_implicit_tls,
                   "TLS from the start; on port 465 that is so anyway");
  command.add_flag("--i-may-test-this-host", run.may_test,
                   "needed for a public address: its operator has allowed this test");
  auto* mailbox = command
                      .add_option("--mailbox", run.mailbox,
                                  "where relayed messages come back: your own mailbox")
                      ->type_name("ADDRESS")
                      ->default_str("relay-test@[our address]");
  command.add_option("--listen", run.listen, "where the mailbox's mail arrives at this machine")
      ->type_name("ADDRESS:PORT")
      ->default_str("the mailbox's address, port 25");
  command
      .add_option("--returns", run.returns,
                  "do not listen, but look here: a maildir, or what `postern catch` wrote")
      ->type_name("PATH");
  auto* source =
      command
          .add_option("--source", run.sources,
                      "connect from this address of the machine; one for IPv4, one for IPv6")
          ->type_name("ADDRESS")
          ->allow_extra_args(false);
  command.add_option("--hello", run.hello, "our name in EHLO")->type_name("NAME");
  command.add_option("--server", run.server, "the target's mail name, where that is not HOST")
      ->type_name("NAME");
  command
      .add_option("--carrier", run.carrier,
                  "an address at the target that takes mail: smuggling is tried in mail to it")
      ->type_name("ADDRESS");
  command
      .add_option("--contact", run.contact, "whom the target's operator can ask, in every probe")
      ->type_name("TEXT");
  command.add_option("--only", run.only, "these tricks only; --list names them")
      ->type_name("TRICK,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--rate", run.rate, "probes a second, at most")->capture_default_str();
  command.add_option("--connections", run.at_a_time, "at a time, to one port")
      ->check(CLI::Range(1, 50))
      ->capture_default_str();
  command.add_option("--timeout", run.timeout, "for one answer")->capture_default_str();
  command.add_option("--retry-after", run.retry_after, "until what was greylisted is tried again")
      ->capture_default_str();
  command.add_option("--wait", run.wait, "for what was accepted to come back")
      ->default_str("15m; with --resume 1m");
  auto* resumed =
      command
          .add_option("--resume", arguments.resume,
                      "go on with a former run: try what was left, look again for what came back")
          ->type_name("RUN")
          ->excludes(target);
  auto* self = command.add_flag(
      "--self", arguments.is_self,
      "test the Postern of this machine, on each of its listeners, from an address "
      "outside mynetworks");
  for (CLI::Option* option : std::array{target, mailbox, source, resumed}) self->excludes(option);
  command.add_flag("--list", arguments.is_list, "print the catalogue, and end");
  command.add_flag("--dry-run", run.is_dry, "print what would be sent, and end");
  command.add_flag("--naive", arguments.is_naive,
                   "show beside it the verdict of a tester that takes 250 for relaying");
  command.add_flag("--all", arguments.shows_all, "show every probe, not only what is remarkable");
  command.add_option("--html", arguments.html, "write the report as one page")->type_name("FILE");
  command.add_flag("--json{-}", arguments.json,
                   "print the report as JSON; --json=FILE writes it there");
}

}  // namespace

void add_relay_test(CLI::App& app, Context& context) {
  auto* command =
      app.add_subcommand("relay-test", "tell whether a mail server is an open relay, and prove it");
  command->footer(examples);
  const auto arguments = std::make_shared<Arguments>();
  add_options(*command, *arguments);
  command->callback(
      [&context, arguments] { context.exit_code = run(context.config_file, *arguments); });
}

}  // namespace postern::cli
