// The users file, read: who may log in. Text, one user a line (`user.h`); empty lines and lines that begin with `#`
// count nothing, but for one that the program writes itself:
//   #decoys KEY      32 random bytes in base64, from which verifiers for unknown names are made up
// A damaged line concerns its own user only, who cannot log in. A name on two lines cannot log in either: nobody
// could say which of the two is meant.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/user.h"

namespace postern::auth {

inline constexpr std::size_t max_users = 50'000;
inline constexpr std::size_t max_user_line =
    4'096;  // bytes; the sender addresses of one user must fit
inline constexpr std::size_t max_users_file = 16'777'216;  // bytes
inline constexpr std::string_view decoys_prefix = "#decoys ";

struct LineProblem {
  std::size_t line = 0;  // counted from 1
  std::string reason;
};

/// What a login attempt is checked against. It tells nobody whether the user exists.
struct Account {
  Verifier verifier;
  bool is_real = false;
};

class UserTable {
 public:
  /// `spare_key`: for made-up verifiers, where the file has no key of its own.
  [[nodiscard]] static UserTable parse(std::string_view text, std::string_view spare_key);

  /// For an unknown or disabled user, a made-up verifier: always the same for a name, with as many iterations as most
  /// users have, and found in the same time.
  [[nodiscard]] Account account(std::string_view name) const;

  std::size_t size() const { return users_.size(); }
  const std::map<std::string, User, std::less<>>& users() const { return users_; }
  const std::vector<LineProblem>& problems() const { return problems_; }

 private:
  void add_line(std::size_t number, std::string_view line);
  void add_user(std::size_t number, User user);
  unsigned commonest_iterations() const;

  std::map<std::string, User, std::less<>> users_;
  std::map<std::string, std::size_t, std::less<>> lines_;  // where each name stood first
  std::vector<LineProblem> problems_;
  std::string decoy_key_;
  unsigned decoy_iterations_ = default_iterations;
};

}  // namespace postern::auth
