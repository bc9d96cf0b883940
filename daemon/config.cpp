#include "daemon/config.h"

#include <fmt/format.h>

#include "daemon/config_files.h"
#include "daemon/config_sections.h"
#include "daemon/text_file.h"

namespace postern::daemon {

std::string text_of(const std::string& file, const ConfigError& error) {
  std::string text = file;
  if (error.line > 0) text += fmt::format(":{}:{}", error.line, error.column);
  if (!error.key.empty()) text += ": " + error.key;
  text += ": " + error.what;
  if (!error.remedy.empty()) text += ": " + error.remedy;
  return text;
}

LoadedConfig load_config(const std::string& file) {
  const mail::Parsed<std::string> text = read_text_file(file);
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
