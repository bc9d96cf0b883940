#include "daemon/spool.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "daemon/start_failure.h"
#include "net/fd.h"

namespace postern::daemon {
namespace {

namespace fs = std::filesystem;

std::string user_name(uid_t id) {
  const passwd* entry = ::getpwuid(id);
  return entry ? entry->pw_name : std::to_string(id);
}

bool is_empty(const std::string& path) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.path().filename() != "lost+found") return false;
  }
  if (error) {
    throw StartFailure(EX_NOPERM, fmt::format("cannot look into {}: {}", path, error.message()));
  }
  return true;
}

void expect_own(const std::string& path, uid_t owner) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  if (status.st_uid != owner) {
    throw StartFailure(
        EX_CONFIG,
        fmt::format(
            "{} belongs to {}, but the queue runs as {}: name another queue.directory; or, if this "
            "is a spool, `chown -R {}: {}`",
            path, user_name(status.st_uid), user_name(owner), user_name(owner), path));
  }
  if ((status.st_mode & 077) != 0) {
    throw StartFailure(
        EX_CONFIG,
        fmt::format(
            "{} is open to others than the queue: name another queue.directory; or, if this is "
            "a spool, `chmod 700 {}`",
            path, path));
  }
}

}  // namespace

void make_spool(const std::string& path, const std::optional<User>& queue) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error || !fs::is_directory(path)) {
    const bool is_taken = error == std::errc::not_a_directory || !error;
    throw StartFailure(
        is_taken ? EX_CONFIG : EX_CANTCREAT,
        fmt::format("cannot make the spool {}: {}", path,
                    is_taken
                        ? "something that is no directory stands in its place: move that away, or "
                          "name another queue.directory"
                        : error.message()));
  }
  const uid_t owner = queue ? queue->uid : ::geteuid();
  if (!is_empty(path)) return expect_own(path, owner);
  if (::chmod(path.c_str(), 0700) != 0 ||
      (queue && ::chown(path.c_str(), queue->uid, queue->gid) != 0)) {
    throw StartFailure(EX_CANTCREAT, fmt::format("cannot make {} the queue's own: {}", path,
                                                 std::strerror(errno)));
  }
  // Its own name must outlive a power cut, like all that will be in it.
  const std::string above = fs::path(path).parent_path();
  const net::Fd parent(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ::fsync(parent.get());
}

}  // namespace postern::daemon
