// What `postern catch --show headers` or `--show all` writes to its standard output, read back as messages. A value machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "relaytest/catch_session.h"

namespace postern::relaytest {

class CaughtLog {
 public:
  static constexpr std::size_t max_line = 4096;  // octets; of a longer one the rest is left out
  static constexpr std::size_t max_message =
      1024 * 1024;  // octets that are kept of one, of the front

  using OnMessage = std::function<void(const CaughtMessage&)>;

  /// Takes more of the log. Tells of each message that ended in it, and at the end of the one that is still being written, as
  /// far as it is there, once its header is complete; so of that one possibly several times.
  void take(std::string_view octets, const OnMessage& on_message);

 private:
  void on_line(std::string_view line, const OnMessage& on_message);
  bool is_start(std::string_view line) const;
  void tell(const OnMessage& on_message) const;

  std::string line_;
  std::uint64_t number_ = 0;  // of the message; 0: none has begun
  CaughtMessage message_;
};

}  // namespace postern::relaytest
