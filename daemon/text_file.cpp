#include "daemon/text_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace postern::daemon {
namespace {

constexpr std::size_t max_file = 1024 * 1024;  // bytes

}  // namespace

mail::Parsed<std::string> read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return mail::SyntaxError{"it is a folder"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return mail::SyntaxError{std::strerror(errno)};
  std::string text;  // may be kept for long: as large as the file, not as its limit
  std::array<char, 4096> part;
  while (file && text.size() <= max_file) {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  }
  if (text.size() > max_file)
    return mail::SyntaxError{fmt::format("it is larger than {} bytes", max_file)};
  if (file.bad()) return mail::SyntaxError{std::strerror(errno)};
  text.shrink_to_fit();
  return text;
}

}  // namespace postern::daemon
