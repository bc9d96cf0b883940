#include "queue/cannot_start.h"

#include <fmt/format.h>
#include <sysexits.h>

#include <algorithm>
#include <array>

namespace postern::queue {
namespace {

namespace errc = boost::system::errc;

struct Remedy {
  errc::errc_t error;
  int exit_code;
  std::string_view words;
};

constexpr std::array remedies = {
    Remedy{errc::permission_denied, EX_NOPERM,
           "give the directory and all that is in it to the user that the queue runs as (chown -R, "
           "chmod 700)"},
    Remedy{errc::operation_not_permitted, EX_NOPERM,
           "give the directory and all that is in it to the user that the queue runs as (chown -R, "
           "chmod 700; lsattr "
           "shows whether it is immutable)"},
    Remedy{errc::read_only_file_system, EX_IOERR,
           "make it writable (mount -o remount,rw); where the kernel made it read-only, dmesg says "
           "why"},
    Remedy{errc::not_a_directory, EX_CONFIG,
           "something else stands in its place: move that away, or name another queue.directory"},
    Remedy{errc::too_many_symbolic_link_levels, EX_CONFIG,
           "a symbolic link stands in its place: move that away, or name another queue.directory"},
    Remedy{errc::is_a_directory, EX_CONFIG, "a directory stands in its place: move that away"},
    Remedy{errc::too_many_files_open, EX_OSERR, "allow more open files (LimitNOFILE=, ulimit -n)"},
    Remedy{errc::too_many_files_open_in_system, EX_OSERR,
           "the machine has too many open files (sysctl fs.file-max)"},
    Remedy{errc::not_enough_memory, EX_OSERR, "the machine is out of memory"},
    Remedy{errc::no_space_on_device, EX_CANTCREAT, "make room on its disk (df, df -i)"},
    Remedy{errc::io_error, EX_IOERR, "its disk fails: dmesg and smartctl say more"},
};

const Remedy* find(const net::error_code& error) {
  const auto* remedy =
      std::ranges::find_if(remedies, [&](const Remedy& any) { return error == any.error; });
  return remedy == remedies.end() ? nullptr : remedy;
}

}  // namespace

std::string_view remedy_for(const net::error_code& error) {
  const Remedy* remedy = find(error);
  return remedy ? remedy->words : std::string_view();
}

frames::CannotStart cannot_start(std::string_view what, const net::error_code& error) {
  const Remedy* remedy = find(error);
  if (!remedy) return {EX_IOERR, fmt::format("the spool {}: {}", what, error.message())};
  return {remedy->exit_code,
          fmt::format("the spool {}: {}; {}", what, error.message(), remedy->words)};
}

}  // namespace postern::queue
