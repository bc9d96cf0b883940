// The octets of a content as a client sends them, judged line by line. After DATA (RFC 5321, 4.1.1.4 and 4.5.2) it finds the
// final dot and undoes dot-stuffing; after BDAT (RFC 3030) there is neither, and the rules for lines are the same.
//
// The end of DATA is CRLF.CRLF and nothing else, for every client. Servers that also take `LF.LF`, `CR.CR` or a mixture see
// two messages where their neighbours see one: that is how mail is smuggled past a gate (CVE-2023-51764 and its kin).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace postern::smtpd {

/// A bare LF is what an old scanner sends for a line's end, or an attempt at smuggling: the client decides what we think.
enum class BareLf : std::uint8_t { repaired, refused };

/// The command that brings the content: is there a final dot, and dot-stuffing?
enum class Framing : std::uint8_t { data, bdat };

enum class ContentFault : std::uint8_t { none, bare_lf, bare_cr, nul };

class ContentReader {
 public:
  explicit ContentReader(BareLf bare_lf, Framing framing = Framing::data)
      : bare_lf_(bare_lf), framing_(framing) {}

  /// Takes the next octets as they came, in pieces of any size, and appends the content that they bring to `out`. Gives
  /// how many were taken: all, or those up to and with the final dot's CRLF. After a fault it only looks for the end.
  [[nodiscard]] std::size_t feed(std::string_view in, std::string& out);

  /// BDAT: the last octet has come. A last line that has no end gets one: the next hop may take it after DATA only.
  void finish(std::string& out);

  bool is_complete() const { return state_ == State::complete; }
  ContentFault fault() const { return fault_; }

  /// Octets of the longest line so far, without its CRLF and without the dot of dot-stuffing.
  std::size_t longest_line() const { return longest_line_; }

 private:
  enum class State : std::uint8_t {
    line_start,      // behind CRLF, or at the very start
    dot,             // behind CRLF and a dot
    dot_cr,          // behind CRLF, a dot and CR
    repaired_start,  // behind a bare LF: a line's start for dot-stuffing, but never for the final dot
    text,
    cr,
    complete,
  };

  std::size_t take_clean(std::string_view in, bool may_end_within, std::string& out);
  bool may_begin_with(char c) const;
  void step(char c, std::string& out);
  void add(char c, std::string& out);
  void end_line(std::string& out, State next);
  void lengthen_line(std::size_t octets);
  void blame(ContentFault fault);

  BareLf bare_lf_;
  Framing framing_;
  State state_ = State::line_start;
  ContentFault fault_ = ContentFault::none;
  std::size_t line_ = 0;  // octets of the line so far
  std::size_t longest_line_ = 0;
};

}  // namespace postern::smtpd
