#include "relaytest/returns_elsewhere.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json.hpp>
#include <optional>
#include <stdexcept>

#include "mail/ascii.h"
#include "net/fd.h"
#include "relaytest/returns.h"

namespace postern::relaytest {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view content_suffix = ".eml";

struct File {
  net::Fd fd;
  struct stat about {};
};

/// A regular file and nothing else: to open a pipe would wait for its other end, and a link may lead anywhere.
std::optional<File> open_file(const fs::path& path, int more_flags) {
  File file{
      net::Fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY | more_flags)), {}};
  if (!file.fd || ::fstat(file.fd.get(), &file.about) != 0 || !S_ISREG(file.about.st_mode))
    return {};
  return file;
}

/// At most `max` octets from `offset` on; nothing: it cannot be read.
std::optional<std::string> read(const File& file, std::uintmax_t offset, std::size_t max) {
  std::string content(max, '\0');
  std::size_t size = 0;
  while (size < max) {
    const ssize_t n = ::pread(file.fd.get(), content.data() + size, max - size,
                              static_cast<off_t>(offset + size));
    if (n < 0) return {};
    if (n == 0) break;
    size += static_cast<std::size_t>(n);
  }
  content.resize(size);
  return content;
}

system_clock::time_point time_of(const File& file) {
  return system_clock::from_time_t(file.about.st_mtim.tv_sec);
}

/// `000012.eml`
bool is_caught(const std::string& name) {
  const std::string_view stem(name.data(),
                              name.size() - std::min(name.size(), content_suffix.size()));
  return !stem.empty() && name.ends_with(content_suffix) &&
         std::ranges::all_of(stem, mail::is_digit);
}

bool is_folder_of_catcher(const fs::path& path) {
  const auto entries = fs::directory_iterator(path);
  return begin(entries) == end(entries) ||
         std::any_of(begin(entries), end(entries), [](const fs::directory_entry& entry) {
           return is_caught(entry.path().filename().string());
         });
}

/// The reverse-path in the file of the envelope beside it; empty: not known.
std::string reverse_path_beside(fs::path content) {
  constexpr std::size_t max_envelope = 64 * 1024;
  const auto file = open_file(content.replace_extension(".json"), O_NOFOLLOW);
  const auto text = file ? read(*file, 0, max_envelope) : std::nullopt;
  if (!text) return {};
  boost::json::error_code error;
  const boost::json::value envelope = boost::json::parse(*text, error);
  if (error || !envelope.is_object()) return {};
  const boost::json::value* from = envelope.as_object().if_contains("from");
  return from && from->is_string() ? std::string(from->as_string()) : std::string();
}

}  // namespace

ReturnsElsewhere::ReturnsElsewhere(fs::path path) : path_(std::move(path)) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (fs::is_regular_file(status)) {
    form_ = Form::log;
  } else if (fs::is_directory(path_ / "new", error) && fs::is_directory(path_ / "cur", error)) {
    form_ = Form::maildir;
  } else if (fs::is_directory(status) && is_folder_of_catcher(path_)) {
    form_ = Form::folder;
  } else {
    throw std::runtime_error(fmt::format(
        "{} is no maildir (with new and cur), no folder of `postern catch --directory` and no file",
        path_.string()));
  }
}

void ReturnsElsewhere::look(Run& run) {
  if (form_ == Form::log) return look_into_log(run);
  std::set<std::string> still_there;
  std::size_t budget = max_look;
  if (form_ == Form::folder) {
    look_into(path_, run, still_there, budget);
  } else {
    for (const char* sub : {"new", "cur"}) look_into(path_ / sub, run, still_there, budget);
  }
  seen_ = std::move(still_there);
}

void ReturnsElsewhere::look_into(const fs::path& folder, Run& run,
                                 std::set<std::string>& still_there, std::size_t& budget) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with('.') || (form_ == Form::folder && !is_caught(name))) continue;
    // Behind the colon are a maildir's flags, which change.
    const std::string key = name.substr(0, name.find(':'));
    if (seen_.contains(key)) still_there.insert(key);
    if (still_there.contains(key) || budget == 0) continue;
    const auto file = open_file(entry->path(), O_NOFOLLOW);
    if (!file) continue;
    if (time_of(*file) + slack >= run.started) {
      CaughtMessage message;
      const auto content = read(*file, 0, max_message);
      if (!content) continue;
      budget -= std::min(budget, content->size() + 1);
      message.content = *content;
      message.reverse_path = form_ == Form::folder ? reverse_path_beside(entry->path())
                                                   : return_path_of(message.content);
      note_return(run, message, time_of(*file));
    }
    still_there.insert(key);
  }
}

void ReturnsElsewhere::look_into_log(Run& run) {
  const auto file = open_file(path_, 0);
  if (!file) return;
  if (file->about.st_ino != inode_ || static_cast<std::uintmax_t>(file->about.st_size) < offset_) {
    inode_ = file->about.st_ino;  // another file, or emptied: from its beginning
    offset_ = 0;
    log_ = {};
  }
  constexpr std::size_t piece = 256 * 1024;
  for (std::size_t budget = max_look; budget > 0; budget -= piece) {
    const auto octets = read(*file, offset_, piece);
    if (!octets || octets->empty()) return;
    offset_ += octets->size();
    log_.take(*octets, [&](const CaughtMessage& message) {
      note_return(run, message, system_clock::now());
    });
  }
}

}  // namespace postern::relaytest
