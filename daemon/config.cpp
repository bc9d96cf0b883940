#include "daemon/config.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "daemon/config_files.h"
#include "daemon/config_sections.h"

namespace postern::daemon {
namespace {

constexpr std::size_t max_file = 1024 * 1024;  // bytes

mail::Parsed<std::string> read_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return mail::SyntaxError{"it is a folder"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return mail::SyntaxError{std::strerror(errno)};
  std::string text(max_file + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > max_file)
    return mail::SyntaxError{fmt::format("it is larger than {} bytes", max_file)};
  return text;
}

}  // namespace

std::string text_of(const std::string& file, const ConfigError& error) {
  std::string text = file;
  if (error.line > 0) text += fmt::format(":{}:{}", error.line, error.column);
  if (!error.key.empty()) text += ": " + error.key;
  text += ": " + error.what;
  if (!error.remedy.empty()) text += ": " + error.remedy;
  return text;
}

LoadedConfig load_config(const std::string& file) {
  const mail::Parsed<std::string> text = read_file(file);
  if (!text) {
    return std::vector<ConfigError>{{0, 0, "", "cannot be read: " + text.error().reason,
                                     "name the configuration with --config FILE"}};
  }
  Findings findings;
  ParsedConfig parsed = parse_config(*text, file, this_machine(), findings);
  check_files(parsed.files, findings);
  if (findings.has_errors()) return findings.errors();
  parsed.config.warnings = findings.warnings();
  return std::move(parsed.config);
}

}  // namespace postern::daemon
