// Any octets as lines of base 64 (RFC 2045, 6.8).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace postern::mail {

/// Puts `text`, which is base 64, on lines of at most 76 octets.
class Base64Wrapper {
 public:
  void feed(std::string_view text, std::string& out);
  /// The line ends here.
  void end_line(std::string& out);

 private:
  std::size_t column_ = 0;
};

class Base64Encoder {
 public:
  void feed(std::string_view octets, std::string& out);
  /// The octets end here, and the line if there is one.
  void finish(std::string& out);

 private:
  void put(std::string& out);

  std::string group_;  // up to three octets
  Base64Wrapper wrapper_;
  bool is_empty_ = true;
};

}  // namespace postern::mail
