// A configuration from a text, for tests: what it comes to, and the one thing that is wrong with it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "daemon/config_sections.h"
#include "made_up_machine.h"

namespace postern::daemon {

constexpr const char* file_name = "/etc/postern/postern.toml";

struct Read {
  Config config;
  std::vector<ConfigError> errors;
  std::vector<ConfigError> warnings;
};

inline Read read(const std::string& text, const Machine& machine = office_machine()) {
  Findings findings;
  ParsedConfig parsed = parse_config(text, file_name, machine, findings);
  return {std::move(parsed.config), findings.errors(), findings.warnings()};
}

inline std::string all_texts(const std::vector<ConfigError>& errors) {
  std::string text;
  for (const ConfigError& error : errors) text += text_of(file_name, error) + "\n";
  return text;
}

/// What most files need and few rows are about.
inline std::string with_tls(const std::string& text) {
  return text + "\n[tls]\ncertificate = \"cert.pem\"\nprivate_key = \"key.pem\"\n";
}

inline Config good(const std::string& text) {
  Read result = read(text);
  EXPECT_EQ(all_texts(result.errors), "");
  return std::move(result.config);
}

struct BadRow {
  const char* text;
  std::uint32_t line;
  std::uint32_t column;
  const char* key;
  const char* what;    // part of it
  const char* remedy;  // part of it
};

inline void expect_the_one_error(const BadRow& row, const std::string& text) {
  SCOPED_TRACE(row.text);
  const Read result = read(text);
  ASSERT_EQ(result.errors.size(), 1U) << all_texts(result.errors);
  const ConfigError& error = result.errors.front();
  EXPECT_EQ(error.line, row.line);
  EXPECT_EQ(error.column, row.column);
  EXPECT_EQ(error.key, row.key);
  EXPECT_THAT(error.what, testing::HasSubstr(row.what));
  EXPECT_THAT(error.remedy, testing::HasSubstr(row.remedy));
}

}  // namespace postern::daemon
