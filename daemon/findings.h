// What is found wrong while the configuration is read. Reading goes on after each, so that one run shows all of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "daemon/config.h"

namespace postern::daemon {

/// Where in the file; both counted from 1. Line 0: nowhere, it is about the file as a whole, or about a default.
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

class Findings {
 public:
  /// A file can be wrong in every line; beyond this nobody reads on.
  static constexpr std::size_t max_each = 100;

  void error(Position at, std::string key, std::string what, std::string remedy);
  void warn(Position at, std::string key, std::string what, std::string remedy);

  bool has_errors() const { return !errors_.empty(); }
  /// In the order of the file.
  [[nodiscard]] std::vector<ConfigError> errors() const;
  [[nodiscard]] std::vector<ConfigError> warnings() const;

 private:
  std::vector<ConfigError> errors_;
  std::vector<ConfigError> warnings_;
};

}  // namespace postern::daemon
