// The files that the configuration names: collected while it is read, looked at afterwards (`daemon/config_files.h`).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config_reader.h"

namespace postern::daemon {

/// What a file is for, and so who may be able to read it.
enum class FileUse { certificate, private_key, password, users, ca_certificates };

struct NamedFile {
  FileUse use;
  std::string path;
  std::string key;
  Position at;
};

class NamedFiles {
 public:
  /// Relative paths begin at the folder of `config_file`.
  explicit NamedFiles(const std::string& config_file);

  [[nodiscard]] std::string absolute(const std::string& path) const;

  /// The absolute path that `key` names; empty: neither it nor `fallback` names one.
  [[nodiscard]] std::string read(Section& section, std::string_view key,
                                 const std::string& fallback, FileUse use);

  /// For a path that was read already, as it is only sometimes used.
  void add(const Section& section, std::string_view key, std::string path, FileUse use);

  const std::vector<NamedFile>& all() const { return files_; }

 private:
  std::filesystem::path folder_;
  std::vector<NamedFile> files_;
};

}  // namespace postern::daemon
