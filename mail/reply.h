// Replies: what a server says to a command (RFC 5321, 4.2; enhanced status codes: RFC 3463).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/parsed.h"

namespace postern::mail {

/// RFC 3463: class.subject.detail, e.g. 5.7.1. All zero: none was given.
struct EnhancedStatus {
  std::uint8_t klass = 0;     // 2 success, 4 persistent transient, 5 permanent
  std::uint16_t subject = 0;  // 0 to 999
  std::uint16_t detail = 0;   // 0 to 999

  bool is_given() const { return klass != 0; }
  [[nodiscard]] std::string text() const;

  /// Reads the status at the front of a reply's text, and takes it off; none there: nothing happens.
  [[nodiscard]] static std::optional<EnhancedStatus> take_from(std::string_view& text);

  friend bool operator==(const EnhancedStatus&, const EnhancedStatus&) = default;
};

/// A complete reply. `text` has one line or several, parted by '\n', printable, without code or status.
struct Reply {
  std::uint16_t code = 0;
  EnhancedStatus status;
  std::string text;

  bool is_positive() const { return code / 100 == 2; }
  bool is_transient() const { return code / 100 == 4; }
  bool is_permanent() const { return code / 100 == 5; }

  /// On the wire: `250-2.1.0 text CRLF 250 2.1.0 text CRLF`, each line within 512 octets (RFC 5321, 4.5.3.1.5).
  void append_to(std::string& out) const;

  /// In a log line or a report: `550 5.7.1 text`, its lines joined by a space.
  [[nodiscard]] std::string one_line() const;

  friend bool operator==(const Reply&, const Reply&) = default;
};

/// Puts together the lines of a remote server's reply. What it keeps is bounded and printable: a reply is a stranger's data.
class ReplyParser {
 public:
  static constexpr std::size_t max_kept =
      1024;                              // octets of text; the rest of a longer reply is left out
  static constexpr int max_lines = 128;  // a longer one is an error

  /// Takes one line without its CRLF. True: the reply is complete, `take` gives it. An error: that is no SMTP.
  [[nodiscard]] Parsed<bool> add_line(std::string_view line);

  /// The complete reply; the parser is ready for the next.
  [[nodiscard]] Reply take();

 private:
  Reply reply_;
  int lines_ = 0;
};

}  // namespace postern::mail
