// How a command ends that cannot go on.
#pragma once

#include <string>

namespace postern::cli {

/// Thrown: one line for the user, and the exit code (sysexits.h).
struct Failure {
  int exit_code;
  std::string text;
};

}  // namespace postern::cli
