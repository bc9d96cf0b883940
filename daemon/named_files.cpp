#include "daemon/named_files.h"

#include <system_error>

namespace postern::daemon {

NamedFiles::NamedFiles(const std::string& config_file) {
  std::error_code ignored;  // without a working directory the path stays as it is
  folder_ = std::filesystem::absolute(config_file, ignored).parent_path();
}

std::string NamedFiles::absolute(const std::string& path) const {
  return path.empty() ? path : (folder_ / path).lexically_normal().string();
}

std::string NamedFiles::read(Section& section, std::string_view key, const std::string& fallback,
                             FileUse use) {
  std::string path = absolute(section.text(key, fallback));
  if (!path.empty()) add(section, key, path, use);
  return path;
}

void NamedFiles::add(const Section& section, std::string_view key, std::string path, FileUse use) {
  files_.push_back({use, std::move(path), section.full_name(key), section.at(key)});
}

}  // namespace postern::daemon
