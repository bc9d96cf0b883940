// A mailbox that others fill and the tester reads: where mail for it comes to another machine, or to a server that runs already.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "relaytest/caught_log.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// A maildir (with `new` and `cur`; its subfolders are not looked at), a folder of `postern catch --directory`, or a file that
/// `postern catch --show headers` or `--show all` writes its output to. Read only, never changed.
class ReturnsElsewhere {
 public:
  static constexpr std::size_t max_message = 1024 * 1024;  // octets that are read of one
  static constexpr std::size_t max_look =
      32 * 1024 * 1024;  // octets that are read at one look; the next one goes on
  // What was there so long before the run began is not opened: a mailbox may be old and full, and clocks differ.
  static constexpr auto slack = std::chrono::hours(24);

  /// Throws std::runtime_error, with words for the user, where it is none of these.
  explicit ReturnsElsewhere(std::filesystem::path path);

  /// Notes what is new since the last look. What cannot be read now is tried again the next time; links, pipes and the like are
  /// passed over.
  void look(Run& run);

 private:
  enum class Form : std::uint8_t { maildir, folder, log };

  void look_into(const std::filesystem::path& folder, Run& run, std::set<std::string>& still_there,
                 std::size_t& budget);
  void look_into_log(Run& run);

  std::filesystem::path path_;
  Form form_ = Form::log;
  std::set<std::string> seen_;  // names of files that are in the folder and were read
  std::uintmax_t offset_ = 0;   // of the log: so much was read
  std::uint64_t inode_ = 0;
  CaughtLog log_;
};

}  // namespace postern::relaytest
