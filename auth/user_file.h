// Changes to the users file, as `postern user` makes them. Whoever reads meanwhile sees the file before or after a
// change, never between; a power cut leaves one of the two. Two who change it at once wait for each other
// (`FILE.lock`). Lines of others, comments and damaged lines stay as they are.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "auth/user_table.h"

namespace postern::auth {

struct UserFileError {
  enum class Kind {
    no_such_user,
    user_exists,
    bad_name,
    bad_rights,  // too many senders, too long together, or with a space
    is_full,
    is_busy,     // someone else has held the lock for `lock_patience`
    unwritable,  // the system refused
  };
  Kind kind = Kind::unwritable;
  std::string text;  // with the remedy
};

template <class T = void>
using FileResult = boost::system::result<T, UserFileError>;

/// Which addresses a user may send as, beside the own one.
struct SenderRights {
  std::vector<mail::Mailbox> senders{};
  bool any_sender = false;
};

class UserFile {
 public:
  /// Where `path` is a symbolic link, the file it leads to is changed, and the link stays.
  explicit UserFile(const std::string& path);

  /// Makes the file, where there is none: made by root, with mode 0640 and of the group `postern-auth` if that exists;
  /// made by another user, with mode 0600.
  [[nodiscard]] FileResult<> add(std::string_view name, std::string_view password,
                                 const SenderRights& rights = {});
  /// Keeps the user's attributes.
  [[nodiscard]] FileResult<> set_password(std::string_view name, std::string_view password);
  [[nodiscard]] FileResult<> remove(std::string_view name);
  [[nodiscard]] FileResult<UserTable> list() const;

 private:
  std::string path_;
};

}  // namespace postern::auth
