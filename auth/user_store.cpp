#include "auth/user_store.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "auth/secret.h"
#include "net/fd.h"
#include "net/log.h"

namespace postern::auth {
namespace {

constexpr std::size_t max_problems_logged = 20;  // of one reading

/// All of the file; nothing: an error (errno), or more than `max_users_file` bytes (errno is EFBIG).
std::optional<std::string> read_all(int fd) {
  std::string text;
  for (;;) {
    constexpr std::size_t step = 65'536;
    const std::size_t had = text.size();
    text.resize(had + step);
    const ssize_t n = ::read(fd, text.data() + had, step);
    text.resize(had + static_cast<std::size_t>(n > 0 ? n : 0));
    if (n == 0) return text;
    if (n < 0 && errno != EINTR) return std::nullopt;
    if (text.size() > max_users_file) {
      errno = EFBIG;
      return std::nullopt;
    }
  }
}

}  // namespace

UserStore::Version UserStore::Version::of(const struct stat& status) {
  const bool is_settled = status.st_ctim.tv_sec + 1 < std::time(nullptr);
  return {is_settled, status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
}

bool UserStore::Version::is_still(const Version& now) const {
  const auto is_same = [](const timespec& a, const timespec& b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  return is_settled && device == now.device && inode == now.inode && size == now.size &&
         is_same(modified, now.modified) && is_same(changed, now.changed);
}

UserStore::UserStore(std::string path) : path_(std::move(path)), spare_key_(random_bytes(32)) {}

std::shared_ptr<const UserTable> UserStore::current() {
  struct stat status {};
  if (::stat(path_.c_str(), &status) != 0) {
    version_.reset();
    is_missing_ = errno == ENOENT;
    fail(is_missing_ ? fmt::format("{} does not exist: make it with `postern user add NAME`", path_)
                     : fmt::format("{} cannot be looked at: {}", path_, std::strerror(errno)));
  } else if (!version_ || !version_->is_still(Version::of(status))) {
    is_missing_ = false;
    read();
  }
  return table_;
}

void UserStore::read() {
  // Not blocking, should the name be that of a pipe.
  const net::Fd file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) {
    return fail(
        fmt::format("{} cannot be read: {}: let the group of postern's auth process read it", path_,
                    std::strerror(errno)));
  }
  version_ = Version::of(status);
  if (!S_ISREG(status.st_mode)) return fail(fmt::format("{} is not a file", path_));
  if ((status.st_mode & 07777 & ~users_file_mode) != 0) {
    return fail(fmt::format("{} has mode {:04o}, which lets others at the verifiers: chmod 0640 {}",
                            path_, status.st_mode & 07777, path_));
  }
  auto text = read_all(file.get());
  if (!text) return fail(fmt::format("{} cannot be read: {}", path_, std::strerror(errno)));
  const Digest content = hmac_sha256(spare_key_, *text);
  const bool is_known = table_ && content == content_;
  if (!is_known) table_ = std::make_shared<UserTable>(UserTable::parse(*text, spare_key_));
  wipe(*text);
  content_ = content;
  problem_.clear();
  if (!is_known) log_table();
}

void UserStore::fail(std::string problem) {
  table_.reset();
  if (problem == problem_) return;  // said already
  problem_ = std::move(problem);
  net::log(is_missing_ ? net::Level::warning : net::Level::error, "users-unusable",
           {{"why", problem_}});
}

void UserStore::log_table() const {
  const auto& problems = table_->problems();
  net::log("users-loaded",
           {{"file", path_}, {"users", table_->size()}, {"damaged", problems.size()}});
  for (std::size_t i = 0; i < problems.size() && i < max_problems_logged; ++i) {
    net::log(net::Level::warning, "users-damaged",
             {{"file", path_}, {"line", problems[i].line}, {"why", problems[i].reason}});
  }
}

}  // namespace postern::auth
