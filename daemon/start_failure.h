// Why Postern cannot start, for whoever typed `postern serve`.
#pragma once

#include <stdexcept>
#include <string>

namespace postern::daemon {

class StartFailure : public std::runtime_error {
 public:
  /// `exit_code` from sysexits.h; `reason` says what to do about it.
  StartFailure(int exit_code, const std::string& reason)
      : std::runtime_error(reason), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

}  // namespace postern::daemon
