// Makes a content fit for a transport that cannot carry every line: re-encodes the parts that need it, and only those
// (RFC 2045, 6; RFC 6152, 3). A machine without I/O: octets go in, octets come out.
//
// A part that is not encoded is held back until it ends, or until its first line that does not fit: then its
// Content-Transfer-Encoding becomes quoted-printable (text) or base64 (anything else), and it is encoded from its first octet.
// Parts that are encoded already get their lines broken as their encoding allows. Nothing that is signed or encrypted is ever
// altered. Messages within the message are entered: RFC 2046, 5.2.1 forbids to encode them as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/base64_encoder.h"
#include "mail/part_header.h"
#include "mail/quoted_printable.h"

namespace postern::mail {

/// What a transport carries: lines of at most 998 octets, and those outside ASCII or not.
enum class Transport : std::uint8_t { eight_bit, seven_bit };

class TransportEncoder {
 public:
  static constexpr std::size_t max_held =
      1024 * 1024;                              // octets of one part, with its header section
  static constexpr std::size_t max_depth = 30;  // of multiparts in each other
  static constexpr std::size_t max_parts =
      10'000;  // what is deeper, or behind them, must fit as it is

  explicit TransportEncoder(Transport transport) : transport_(transport) {}

  /// The next octets of a content, from its first on, in pieces of any size; its line ends are CRLF. What may leave is
  /// appended to `out`.
  void feed(std::string_view in, std::string& out);

  /// The content ends here.
  void finish(std::string& out);

  /// Why the content cannot be carried, and what would help, in words for its author. Empty: it can. What `out` was given so
  /// far is then worth nothing.
  const std::string& refusal() const { return refusal_; }

 private:
  /// A line, or a piece of one that is too long to be held.
  struct Piece {
    std::string_view text;  // without CRLF
    bool begins;            // the line
    bool ends;              // with it
    bool is_long;           // the line, so far as is known
  };
  struct Multipart {
    std::string boundary;
    bool is_sealed = false;
    bool is_digest = false;  // its parts are messages, where they do not say (RFC 2046, 5.1.5)
  };
  enum class State : std::uint8_t {
    header,
    held,   // a part that is not encoded: all of it is in `held_`
    fixed,  // must fit as it is, because of `fixed_because_`
    to_quoted_printable,
    to_base64,
    quoted_printable,  // encoded already
    base64,
  };

  void pass_text(std::string_view text, bool ends, std::string& out);
  void pass(const Piece& piece, std::string& out);
  void hold(const Piece& piece, std::string_view too_long, std::string& out);
  bool pass_boundary(std::string_view line, std::string& out);
  void begin_part(const ContentType& without_type, bool is_sealed);
  void end_header(std::string& out);
  void choose_state(PartHeader header, bool is_sealed, std::string& out);
  void end_part(std::string& out);
  void begin_encoding(std::string& out);
  void encode(const Piece& piece, std::string& out);
  void mend(const Piece& piece, std::string& out);
  void must_fit(std::string_view because);
  bool fits(const Piece& piece) const;
  void refuse(const Piece& piece, std::string_view because);

  Transport transport_;
  State state_ = State::header;
  std::string line_;             // the front of a line whose end has not come
  bool is_within_line_ = false;  // a piece of it was passed already
  std::vector<Multipart> around_;
  std::size_t parts_ = 0;

  // Of the part that is read now:
  std::string held_;
  ContentType without_type_;
  bool is_sealed_ = false;            // by what is around it
  bool is_top_ = true;                // of a message
  std::optional<PartHeader> header_;  // held: what `held_` begins with,
  std::size_t body_ = 0;              // up to here
  std::string_view fixed_because_;
  QuotedPrintableEncoder to_quoted_printable_;
  Base64Encoder to_base64_;
  bool owes_line_end_ = false;  // to_base64: the last one may belong to the boundary
  QuotedPrintableMender mender_;
  Base64Wrapper wrapper_;

  std::string refusal_;
};

}  // namespace postern::mail
