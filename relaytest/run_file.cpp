#include "relaytest/run_file.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

#include "mail/ascii.h"
#include "net/fd.h"

namespace postern::relaytest {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_id = 40;
constexpr std::uintmax_t max_file =
    1024UL * 1024 * 1024;  // a thousand probes with all that is kept of each

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= max_id && !text.starts_with('-') &&
         std::ranges::all_of(
             text, [](char c) { return mail::is_digit(c) || c == '-' || (c >= 'a' && c <= 'z'); });
}

std::string absolute_path_in(const char* variable) {
  const char* value = std::getenv(variable);
  return value && value[0] == '/' ? value : "";
}

[[noreturn]] void fail(const fs::path& path) {
  throw std::system_error(errno, std::generic_category(), path.string());
}

/// Like create_directories, but nobody else can look in, from the first moment on.
void make_private(const fs::path& directory) {
  if (directory.empty() || fs::is_directory(directory)) return;
  make_private(directory.parent_path());
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) fail(directory);
}

void write_synced(const fs::path& path, std::string_view content) {
  fs::remove(path);  // left behind by a crash
  const net::Fd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) fail(path);
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0 && errno != EINTR) fail(path);
    content.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
  if (::fsync(file.get()) != 0) fail(path);
}

void sync_folder(const fs::path& directory) {
  const net::Fd folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0) fail(directory);
}

}  // namespace

std::string new_run_id(system_clock::time_point now) {
  std::array<unsigned char, 2> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1)
    throw std::runtime_error("the system has no randomness to give");
  return fmt::format("{:%Y%m%d-%H%M%S}-{:02x}{:02x}", fmt::gmtime(system_clock::to_time_t(now)),
                     random[0], random[1]);
}

fs::path runs_directory() {
  if (const std::string state = absolute_path_in("XDG_STATE_HOME"); !state.empty())
    return fs::path(state) / "postern/relay-test";
  if (const std::string home = absolute_path_in("HOME"); !home.empty())
    return fs::path(home) / ".local/state/postern/relay-test";
  return "/var/lib/postern/relay-test";
}

void save(const Run& run, const fs::path& directory) {
  make_private(directory);
  const fs::path path = directory / (run.id + ".json");
  const fs::path unfinished = directory / (run.id + ".json.part");
  write_synced(unfinished, json_of(run, true) + "\n");
  fs::rename(unfinished, path);
  sync_folder(directory);
}

Run load(const std::string& id, const fs::path& directory) {
  if (!is_id(id)) throw std::runtime_error("that is no name of a run: " + mail::printable(id));
  const fs::path path = directory / (id + ".json");
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file)
    throw std::runtime_error(fmt::format("there is no run {} in {}", id, directory.string()));
  const auto damaged = [&](std::string_view why) {
    return std::runtime_error(fmt::format("{} is damaged: {}", path.string(), why));
  };
  if (size > max_file) throw damaged("it is too long");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  try {
    Run run = run_of(text);
    if (run.id != id) throw std::runtime_error("it is of another run");
    return run;
  } catch (const std::runtime_error& wrong) {
    throw damaged(wrong.what());
  }
}

}  // namespace postern::relaytest
