// The users file of the auth process. It is looked at before every login, and read again when it has changed, so that a
// change counts from the next login on without a restart.
//
// A file that others may read or write is not used, nor one that cannot be read: then nobody can log in, which the
// client is told as our own temporary failure (454), and the log says the remedy.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <memory>
#include <optional>
#include <string>

#include "auth/hash.h"
#include "auth/user_table.h"

namespace postern::auth {

/// The widest access that the file may give: its owner reads and writes, its group reads.
inline constexpr mode_t users_file_mode = 0640;

class UserStore {
 public:
  explicit UserStore(std::string path);

  /// The table as the file is now; null: the file cannot be used, and `problem` says why. Logs what it reads and what
  /// is wrong with it, once for each change. The table is a value of its own: it stays as it is while an exchange
  /// uses it.
  [[nodiscard]] std::shared_ptr<const UserTable> current();

  /// In words that end in the remedy; empty: none.
  const std::string& problem() const { return problem_; }
  bool is_missing() const { return is_missing_; }
  const std::string& path() const { return path_; }

 private:
  /// What changes when the file does, its rights included.
  struct Version {
    bool is_settled = false;
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = -1;
    timespec modified{};
    timespec changed{};

    static Version of(const struct stat& status);
    /// Whether the file is still what it was: it looks the same, and had not changed just before it was looked at,
    /// since two changes in one tick of the file system's clock look the same.
    bool is_still(const Version& now) const;
  };

  void read();
  void fail(std::string problem);
  void log_table() const;

  std::string path_;
  std::string spare_key_;
  std::optional<Version> version_;  // of what was read last, usable or not
  Digest content_{};                // of the table
  std::shared_ptr<const UserTable> table_;
  std::string problem_;
  bool is_missing_ = false;
};

}  // namespace postern::auth
