// A user, and the line of the users file that holds one:
//   name verifier [attribute...]
// with one space between them. Attributes:
//   disabled         may not log in
//   any-sender       may use every sender address
//   sender=ADDRESS   may use this sender address; several are allowed
// An attribute that is not known here makes the line damaged: a misspelt `disabled` must not let anyone in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "auth/verifier.h"
#include "mail/identity.h"
#include "mail/mailbox.h"

namespace postern::auth {

inline constexpr std::size_t max_user_name = 255;
inline constexpr std::size_t max_senders = 100;  // of one user

/// 1 to 255 printable ASCII characters without spaces and colons, the first not `#`. Upper and lower case differ.
[[nodiscard]] bool is_user_name(std::string_view name);

struct User {
  std::string name;
  Verifier verifier;
  std::vector<mail::Mailbox> senders{};
  bool any_sender = false;
  bool is_disabled = false;

  [[nodiscard]] static mail::Parsed<User> parse(std::string_view line);
  /// The line, without its line break.
  [[nodiscard]] std::string text() const;

  /// Whose login it is, and which senders are its own: those of the line, and its own address. That is the name, where
  /// it is an address; else `name@domain`, where that is one.
  [[nodiscard]] mail::Identity identity(std::string_view domain) const;
};

}  // namespace postern::auth
