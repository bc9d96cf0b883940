#include "daemon/secret_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace postern::daemon {

using mail::Parsed;
using mail::SyntaxError;

std::string exposure_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const unsigned mode = status.st_mode & 07777;
  if ((mode & 0007) != 0)
    return fmt::format("everyone on this machine can get at it (mode {:04o})", mode);
  if ((mode & 0020) != 0) return fmt::format("its group can change it (mode {:04o})", mode);
  if ((mode & 0040) != 0 && status.st_uid != 0) {
    return fmt::format("its group can read it, and its owner is not root (mode {:04o})", mode);
  }
  return {};
}

Parsed<std::string> read_password(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return SyntaxError{std::strerror(errno)};
  if (!S_ISREG(status.st_mode)) return SyntaxError{"it is no file"};
  if (const std::string exposure = exposure_of(path); !exposure.empty())
    return SyntaxError{exposure};

  std::ifstream file(path, std::ios::binary);
  if (!file) return SyntaxError{std::strerror(errno)};
  std::string text(max_password + 3,
                   '\0');  // a line break, and one octet that shows that there is more
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.ends_with('\n')) text.pop_back();
  if (text.ends_with('\r')) text.pop_back();

  if (text.empty()) return SyntaxError{"it is empty"};
  if (text.find('\n') != text.npos) return SyntaxError{"it has more than one line"};
  if (text.size() > max_password)
    return SyntaxError{fmt::format("it is longer than {} bytes", max_password)};
  if (std::ranges::count(text, '\0') > 0) return SyntaxError{"it is no text"};
  return text;
}

}  // namespace postern::daemon
