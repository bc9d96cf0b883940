// postern spool: is what lies on the disk as it was written, and how much is it? Reads the spool itself, so it works while
// the server runs and while it does not.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sysexits.h>

#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "command.h"
#include "daemon/config.h"
#include "failure.h"
#include "foreign_text.h"
#include "queue/cannot_start.h"
#include "queue/disk.h"
#include "queue/inspection.h"
#include "queue/recovery.h"
#include "queue_text.h"

namespace postern::cli {
namespace {

using queue::Finding;
using queue::Inspection;
using Kind = Finding::Kind;

struct Options {
  std::string directory;  // empty: that of the configuration
  bool as_json = false;
};

std::string directory_of(const Context& context, const Options& options) {
  if (!options.directory.empty()) return options.directory;
  const daemon::LoadedConfig loaded = daemon::load_config(context.config_file);
  if (const auto* config = std::get_if<daemon::Config>(&loaded)) return config->queue_directory;
  const auto& errors = std::get<std::vector<daemon::ConfigError>>(loaded);
  throw Failure{EX_CONFIG, daemon::text_of(context.config_file, errors.front())};
}

Failure failure_of(const std::string& path, std::string_view what, const net::error_code& error) {
  if (error == boost::system::errc::protocol_not_supported) {
    return {EX_DATAERR, path + ": a newer Postern wrote this spool: ask that one"};
  }
  if (error == boost::system::errc::permission_denied) {
    return {EX_NOPERM,
            path + ": you may not read it: ask as root, or as the user that the queue runs as"};
  }
  const frames::CannotStart why = queue::cannot_start(what, error);
  return {why.exit_code, fmt::format("{}: {}", path, why.reason)};
}

queue::Disk open(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 && errno == ENOENT) {
    throw Failure{EX_NOINPUT, path + ": there is no such directory"};
  }
  net::Result<queue::Disk> disk = queue::Disk::open(path);
  if (!disk) throw failure_of(path, "cannot be opened", disk.error());
  const auto names = disk->names();
  if (!names) throw failure_of(path, "cannot be read", names.error());
  if (!queue::is_spool(*disk)) throw Failure{EX_NOINPUT, path + ": this is no spool"};
  return std::move(*disk);
}

Inspection look(const std::string& path, queue::Disk& disk, bool with_contents) {
  net::Result<Inspection> found = queue::inspect(disk, with_contents);
  if (!found) throw failure_of(path, "cannot be read", found.error());
  return std::move(*found);
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::torn:
      return "torn";
    case Kind::damage:
      return "damaged";
    case Kind::missing:
      return "missing";
    case Kind::foreign:
      return "foreign";
    default:
      return "unreadable";
  }
}

std::string_view meaning_of(Kind kind) {
  switch (kind) {
    case Kind::torn:
      return "normal at the end of the log: a write under way, or one that was cut off";
    case Kind::damage:
      return "what was written here is lost; the start that finds it keeps what is left of it in "
             "damaged/";
    case Kind::missing:
      return "what was written here is lost, unless a backup has it";
    case Kind::foreign:
      return "Postern did not put it there; the next start moves it to damaged/";
    default:
      return "nothing is known of what is in it; Postern leaves it where it is, and tries again at "
             "each start";
  }
}

void print(const Finding& finding) {
  fmt::print("{}", printable(finding.file));
  if (finding.end > 0) fmt::print(", bytes {} to {}", finding.begin, finding.end);
  fmt::print(": {}: {}", name_of(finding.kind), finding.what);
  if (finding.id) fmt::print(" (message {})", finding.id->text());
  fmt::print("\n    {}\n", meaning_of(finding.kind));
}

std::string json_of(const Finding& finding) {
  return fmt::format(R"({{"file":{},"kind":"{}","begin":{},"end":{},"what":{},"id":{}}})",
                     json_string(finding.file), name_of(finding.kind), finding.begin, finding.end,
                     json_string(finding.what),
                     finding.id ? json_string(finding.id->text()) : "null");
}

std::string json_of(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& finding : findings) {
    if (!out.empty()) out += ",\n";
    out += json_of(finding);
  }
  return "[" + out + "]\n";
}

// The server may be running, and a message end between the look at its record and the look at its file. So what seems
// to be wrong is looked at again.
Inspection look_twice(const std::string& path, queue::Disk& disk) {
  Inspection found = look(path, disk, true);
  if (found.findings.empty()) return found;
  Inspection again = look(path, disk, true);
  again.findings = queue::lasting(found.findings, again.findings);
  return again;
}

int verify(const Context& context, const Options& options) {
  const std::string path = directory_of(context, options);
  queue::Disk disk = open(path);
  const Inspection found = look_twice(path, disk);
  const auto is_normal = [](const Finding& finding) { return finding.kind == Kind::torn; };
  const auto problems = found.findings.size() -
                        static_cast<std::size_t>(std::ranges::count_if(found.findings, is_normal));
  if (options.as_json) {
    fmt::print("{}", json_of(found.findings));
  } else {
    for (const Finding& finding : found.findings) print(finding);
    fmt::print("{}: {} segment{}, {} message{} waiting, {} of them in files of their own: {}\n",
               path, found.segments, found.segments == 1 ? "" : "s", found.messages,
               found.messages == 1 ? "" : "s", found.contents,
               problems == 0   ? "all is as it was written"
               : problems == 1 ? "1 problem"
                               : fmt::format("{} problems", problems));
  }
  return problems == 0 ? EX_OK : EX_DATAERR;
}

int stats(const Context& context, const Options& options) {
  const std::string path = directory_of(context, options);
  queue::Disk disk = open(path);
  const Inspection found = look(path, disk, false);
  const std::uint64_t dead = found.segment_bytes - std::min(found.segment_bytes, found.live_bytes);
  const std::string oldest = found.oldest ? found.oldest->text() : std::string();
  const std::string since = found.oldest ? time_text(found.oldest_arrival) : std::string();
  if (options.as_json) {
    const auto quoted = [](const std::string& text) {
      return text.empty() ? std::string("null") : json_string(text);
    };
    fmt::print(R"({{"directory":{},"messages":{},"oldest":{},"oldest_arrival":{},"segments":{},)"
               R"("segment_bytes":{},"live_bytes":{},"dead_bytes":{},"large_contents":{},)"
               R"("large_content_bytes":{},"damaged_files":{},"damaged_bytes":{}}})"
               "\n",
               json_string(path), found.messages, quoted(oldest), quoted(since), found.segments,
               found.segment_bytes, found.live_bytes, dead, found.contents, found.content_bytes,
               found.damaged_files, found.damaged_bytes);
    return EX_OK;
  }
  fmt::print("spool           {}\n", path);
  fmt::print("messages        {} waiting", found.messages);
  if (found.oldest) fmt::print(", the oldest {} since {}", oldest, since);
  fmt::print("\nsegments        {}, {} bytes: {} live, {} dead\n", found.segments,
             found.segment_bytes, found.live_bytes, dead);
  fmt::print("large contents  {}, {} bytes\n", found.contents, found.content_bytes);
  fmt::print("damaged/        {} files, {} bytes\n", found.damaged_files, found.damaged_bytes);
  return EX_OK;
}

/// Runs a command, and turns its failure into a line and an exit code.
template <class Command>
void add(CLI::App& spool, Context& context, const char* name, const char* what,
         const char* examples, Command run) {
  auto* command = spool.add_subcommand(name, what);
  auto options = std::make_shared<Options>();
  command->add_option("--directory", options->directory,
                      "the spool (default: queue.directory of the configuration)");
  command->add_flag("--json", options->as_json, "for programs");
  command->footer(examples);
  command->callback([&context, options, run] {
    try {
      context.exit_code = run(context, *options);
    } catch (const Failure& failure) {
      fmt::print(stderr, "postern: {}\n", failure.text);
      context.exit_code = failure.exit_code;
    }
  });
}

}  // namespace

void add_spool(CLI::App& app, Context& context) {
  auto* spool = app.add_subcommand("spool", "look at what lies on the disk");
  spool->require_subcommand(1);
  add(*spool, context, "verify",
      "check every record and every large content against its checksum; changes nothing, and may "
      "run beside the server",
      "Prints what is not as it was written, where, and what that means.\n"
      "Exit code 0: all is well; 65: something is damaged, missing or foreign.\n\n"
      "Examples:\n"
      "  postern spool verify\n"
      "  postern spool verify --directory /mnt/backup/spool --json",
      verify);
  add(*spool, context, "stats", "how much there is: messages, segments, live and dead bytes",
      "Examples:\n"
      "  postern spool stats\n"
      "  postern spool stats --json | jq .dead_bytes",
      stats);
}

}  // namespace postern::cli
