// What comes after DATA, up to the final dot (RFC 5321, 4.1.1.4 and 4.5.2): finds the end and undoes dot-stuffing.
//
// The end is CRLF.CRLF and nothing else, for every client. Servers that also take `LF.LF`, `CR.CR` or a mixture see two
// messages where their neighbours see one: that is how mail is smuggled past a gate (CVE-2023-51764 and its kin).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace postern::smtpd {

/// A bare LF is what an old scanner sends for a line's end, or an attempt at smuggling: the client decides what we think.
enum class BareLf : std::uint8_t { repaired, refused };

enum class ContentFault : std::uint8_t { none, bare_lf, bare_cr, nul };

class ContentReader {
 public:
  explicit ContentReader(BareLf bare_lf) : bare_lf_(bare_lf) {}

  /// Takes the next octets as they came, in pieces of any size, and appends the content that they bring to `out`. Gives
  /// how many were taken: all, or those up to and with the final dot's CRLF. After a fault it only looks for the end.
  [[nodiscard]] std::size_t feed(std::string_view in, std::string& out);

  bool is_complete() const { return state_ == State::complete; }
  ContentFault fault() const { return fault_; }

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

  void step(char c, std::string& out);
  void add(char c, std::string& out);
  void end_line(std::string& out, State next);
  void blame(ContentFault fault);

  BareLf bare_lf_;
  State state_ = State::line_start;
  ContentFault fault_ = ContentFault::none;
};

}  // namespace postern::smtpd
