#include "auth/user_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "auth/hash.h"
#include "auth/user_store.h"
#include "net/base64.h"
#include "net/fd.h"

namespace postern::auth {
namespace {

using Kind = UserFileError::Kind;

constexpr auto lock_patience = std::chrono::seconds(10);
constexpr auto lock_pause = std::chrono::milliseconds(20);
constexpr const char* reading_group = "postern-auth";

UserFileError system_error(std::string_view what, const std::string& path) {
  return {Kind::unwritable, fmt::format("{}: {}: {}", path, what, std::strerror(errno))};
}

/// The right to change the file, until it goes.
FileResult<net::Fd> lock(const std::string& path) {
  const std::string name = path + ".lock";
  net::Fd file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error("cannot be opened", name);
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) return system_error("cannot be locked", name);
    if (std::chrono::steady_clock::now() > deadline) {
      return UserFileError{Kind::is_busy, path + " is being changed by someone else: try again"};
    }
    std::this_thread::sleep_for(lock_pause);
  }
  return file;
}

/// The file's text, and what its owner and rights were; a file that does not exist has neither.
struct Content {
  std::string text;
  std::optional<struct stat> status;
};

FileResult<Content> read_content(const std::string& path) {
  const net::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return Content{};
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return system_error("cannot be read", path);
  if (!S_ISREG(status.st_mode) || status.st_size > static_cast<off_t>(max_users_file)) {
    return UserFileError{Kind::unwritable, path + " is not a file, or too large for one of users"};
  }
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t had = 0;
  while (had < text.size()) {
    const ssize_t n = ::read(file.get(), text.data() + had, text.size() - had);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot be read", path);
    if (n == 0) break;
    had += static_cast<std::size_t>(n);
  }
  text.resize(had);
  return Content{std::move(text), status};
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

/// Owner, group and mode: those of the file that is replaced, or those of a new one.
bool give_rights(int fd, const std::optional<struct stat>& old) {
  if (old) {
    if (::fchown(fd, old->st_uid, old->st_gid) != 0) return false;
    return ::fchmod(fd, old->st_mode & 07777) == 0;
  }
  // Made by someone else than root, their group is the office's other users: they have no business here.
  if (::geteuid() != 0) return ::fchmod(fd, 0600) == 0;
  const group* readers = ::getgrnam(reading_group);
  if (readers != nullptr && ::fchown(fd, 0, readers->gr_gid) != 0) return false;
  return ::fchmod(fd, users_file_mode) == 0;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == path.npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Puts `text` in the place of the file, at once or not at all. Only under the lock.
FileResult<> replace(const std::string& path, std::string_view text,
                     const std::optional<struct stat>& old) {
  const std::string draft = path + ".new";
  ::unlink(draft.c_str());  // left by someone who was interrupted
  const net::Fd file(
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return system_error("cannot be made", draft);
  const bool is_written = give_rights(file.get(), old) && write_all(file.get(), text) &&
                          ::fsync(file.get()) == 0 && ::rename(draft.c_str(), path.c_str()) == 0;
  if (!is_written) {
    const UserFileError error = system_error("cannot be written", draft);
    ::unlink(draft.c_str());
    return error;
  }
  const net::Fd directory(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory || ::fsync(directory.get()) != 0)
    return system_error("cannot be made durable", path);
  return {};
}

/// The text line by line, where a line is recognised by the name that it begins with.
class Lines {
 public:
  explicit Lines(std::string_view text) {
    while (!text.empty()) {
      const auto end = std::min(text.find('\n'), text.size());
      lines_.emplace_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  bool has(std::string_view name) const {
    return std::any_of(lines_.begin(), lines_.end(), [&](auto& line) { return is_of(line, name); });
  }
  const std::string& of(std::string_view name) const { return *first_of(lines_, name); }
  void replace(std::string_view name, std::string line) {
    *first_of(lines_, name) = std::move(line);
  }
  void remove(std::string_view name) {
    std::erase_if(lines_, [&](auto& line) { return is_of(line, name); });
  }
  std::size_t size() const { return lines_.size(); }
  void append(std::string line) { lines_.push_back(std::move(line)); }
  void ensure_decoy_key() {
    const auto is_key = [](auto& line) { return line.starts_with(decoys_prefix); };
    if (std::any_of(lines_.begin(), lines_.end(), is_key)) return;
    lines_.insert(lines_.begin(), std::string(decoys_prefix) + net::to_base64(random_bytes(32)));
  }
  std::string text() const {
    std::string text;
    for (const std::string& line : lines_) text += line + '\n';
    return text;
  }

 private:
  static auto first_of(auto& lines, std::string_view name) -> decltype(lines.begin()) {
    return std::find_if(lines.begin(), lines.end(), [&](auto& line) { return is_of(line, name); });
  }
  static bool is_of(std::string_view line, std::string_view name) {
    return line.starts_with(name) && (line.size() == name.size() || line[name.size()] == ' ');
  }

  std::vector<std::string> lines_;
};

UserFileError no_such_user(std::string_view name) {
  return {Kind::no_such_user,
          fmt::format("there is no user {}: `postern user list` shows who there is", name)};
}

/// Reads, lets `edit` change the lines, and writes; all under the lock.
template <class Edit>
FileResult<> change(const std::string& path, Edit edit) {
  const FileResult<net::Fd> locked = lock(path);
  if (!locked) return locked.error();
  const FileResult<Content> content = read_content(path);
  if (!content) return content.error();
  Lines lines(content->text);
  lines.ensure_decoy_key();
  const FileResult<> edited = edit(lines);
  if (!edited) return edited;
  const std::string text = lines.text();
  if (text.size() > max_users_file || lines.size() > max_users) {
    return UserFileError{Kind::is_full, fmt::format("{} is full: remove users first", path)};
  }
  return replace(path, text, content->status);
}

}  // namespace

UserFile::UserFile(const std::string& path) {
  std::error_code none_yet;
  const auto real = std::filesystem::canonical(path, none_yet);
  path_ = none_yet ? path : real.string();
}

FileResult<> UserFile::add(std::string_view name, std::string_view password,
                           const SenderRights& rights) {
  if (!is_user_name(name)) {
    return UserFileError{Kind::bad_name,
                         "a user name is 1 to 255 printable ASCII characters without spaces and "
                         "colons, the first not #"};
  }
  const User user{.name = std::string(name),
                  .verifier = Verifier::make(password),
                  .senders = rights.senders,
                  .any_sender = rights.any_sender};
  if (user.senders.size() > max_senders || user.text().size() > max_user_line) {
    return UserFileError{Kind::bad_rights,
                         fmt::format("a user has at most {} senders, in a line of at most {} "
                                     "bytes: take --any-sender, or several users",
                                     max_senders, max_user_line)};
  }
  if (const auto read_back = User::parse(user.text()); !read_back) {
    return UserFileError{
        Kind::bad_rights,
        fmt::format("a line of users cannot hold these senders ({}), as none with a "
                    "space in it: take others, or --any-sender",
                    read_back.error().reason)};
  }
  return change(path_, [&](Lines& lines) -> FileResult<> {
    if (lines.has(name)) {
      return UserFileError{
          Kind::user_exists,
          fmt::format("user {} exists: `postern user passwd {}` changes the password", name, name)};
    }
    lines.append(user.text());
    return {};
  });
}

FileResult<> UserFile::set_password(std::string_view name, std::string_view password) {
  const Verifier verifier = Verifier::make(password);
  return change(path_, [&](Lines& lines) -> FileResult<> {
    if (!is_user_name(name) || !lines.has(name)) return no_such_user(name);
    auto user = User::parse(lines.of(name));
    if (!user) {
      return UserFileError{
          Kind::bad_name,
          fmt::format("the line of {} is damaged ({}): `postern user remove {}`, then add", name,
                      user.error().reason, name)};
    }
    user->verifier = verifier;
    lines.replace(name, user->text());
    return {};
  });
}

FileResult<> UserFile::remove(std::string_view name) {
  return change(path_, [&](Lines& lines) -> FileResult<> {
    if (!is_user_name(name) || !lines.has(name)) return no_such_user(name);
    lines.remove(name);
    return {};
  });
}

FileResult<UserTable> UserFile::list() const {
  const FileResult<Content> content = read_content(path_);
  if (!content) return content.error();
  return UserTable::parse(content->text, "");
}

}  // namespace postern::auth
