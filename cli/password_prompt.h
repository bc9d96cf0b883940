// Where a password comes from, when a person or a script gives it: never an argument, which every user of the machine
// sees.
#pragma once

#include <boost/system/result.hpp>
#include <string>

#include "auth/secret.h"

namespace postern::cli {

/// What to tell the person who gave none, or one that is not taken.
struct NoPassword {
  std::string why;
};
using AskedPassword = boost::system::result<auth::Secret, NoPassword>;

/// Asks twice on the terminal, without showing what is typed. An error, where there is no terminal.
[[nodiscard]] AskedPassword ask_password(const std::string& name);

/// The first line of standard input, without its line break.
[[nodiscard]] AskedPassword read_password_line();

}  // namespace postern::cli
