// Where what `postern catch` caught goes: a line on standard output for each message, and files in a folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "relaytest/catch_session.h"

namespace postern::cli {

enum class Show { none, headers, all };

class CaughtMail {
 public:
  struct Options {
    bool is_quiet = false;
    Show show = Show::none;
    std::optional<std::filesystem::path> directory;
  };

  /// Files are numbered on behind those that are in the folder already; it is made where it is missing. Throws
  /// std::filesystem::filesystem_error where that cannot be.
  explicit CaughtMail(Options options);

  /// False, and a line on standard error: its file could not be written.
  [[nodiscard]] bool add(const relaytest::CaughtMessage& message);

  /// How much of each message `add` makes use of.
  [[nodiscard]] std::size_t needed_content(std::size_t all) const;

  std::uint64_t count() const { return count_; }
  /// `3 messages, 4 recipients, 1234 bytes`
  [[nodiscard]] std::string totals() const;

 private:
  [[nodiscard]] bool write_files(const relaytest::CaughtMessage& message) const;
  void print(const relaytest::CaughtMessage& message) const;

  Options options_;
  std::uint64_t first_file_ = 1;
  std::uint64_t count_ = 0;
  std::uint64_t recipients_ = 0;
  std::uint64_t bytes_ = 0;
};

/// `{"from": "...", "to": ["..."], "size": 123, "tls": false}`
[[nodiscard]] std::string envelope_json(const relaytest::CaughtMessage& message);

}  // namespace postern::cli
