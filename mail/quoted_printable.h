// Any octets as ASCII that people can still read (RFC 2045, 6.7).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace postern::mail {

/// Encodes line by line, as the text comes. No line that it makes is longer than 76 octets.
class QuotedPrintableEncoder {
 public:
  /// The next octets of a line; a CR or LF among them is data.
  void feed(std::string_view octets, std::string& out);
  /// The line ends here, with CRLF.
  void end_line(std::string& out);
  /// The text ends here, without a line end.
  void finish(std::string& out);

 private:
  void put(bool is_last, std::string& out);

  std::optional<char>
      next_;  // known only with its successor: the last of a line is encoded differently
  std::size_t column_ = 0;
};

/// Takes lines that are quoted-printable but longer than they may be: breaks them softly, and encodes what is not ASCII, and
/// a `=` that encodes nothing. White space behind the `=` of a soft line end is gone (RFC 2045, 6.7, rule 3).
class QuotedPrintableMender {
 public:
  void feed(std::string_view text, std::string& out);
  void end_line(std::string& out);

 private:
  bool is_open(std::size_t at) const;
  bool is_at_end(std::size_t at) const;
  std::size_t put(std::size_t at, std::string& out);

  std::string waiting_;  // the front of an `=3D`, perhaps, or a soft line end: at most 76 octets
  std::size_t column_ = 0;
};

/// Line ends, CRLF, stay line ends; a bare CR or LF is data and is encoded. No line is longer than 76 octets.
[[nodiscard]] std::string to_quoted_printable(std::string_view text);

}  // namespace postern::mail
