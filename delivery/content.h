// The content of a lease on its way out: looked over as a whole before anything is sent, then given in pieces with its dots
// stuffed (RFC 5321, 4.5.2). A large content stays in its file; only a piece at a time is in memory.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/frames.h"
#include "net/task.h"

namespace postern::delivery {

inline constexpr std::size_t max_piece = 64 * 1024;  // octets read from a file at once

class Content {
 public:
  /// `lease` must outlive it.
  explicit Content(const frames::Lease& lease) : lease_(lease) {}

  std::uint64_t size() const { return lease_.size; }
  std::uint32_t crc() const { return lease_.crc; }

  /// The octets from `offset` on: at least one, at most `max_piece` where they come from a file, which uses `room` for them.
  /// Empty: there are none, or they cannot be read.
  [[nodiscard]] std::string_view piece(std::uint64_t offset, std::string& room) const;

 private:
  const frames::Lease& lease_;
};

struct Inspection {
  bool is_intact = false;  // size and checksum are the lease's
  bool is_clean = false;   // each CR before an LF, each LF behind a CR, no NUL: what SMTP can carry
  bool has_eight_bit = false;  // octets over 127
};
/// Looks at all of it. Lets others have their turn now and then.
[[nodiscard]] net::Task<Inspection> inspect(const Content& content);

/// Does the header section have octets over 127? True also where it does not end within the first piece.
[[nodiscard]] bool has_utf8_header(const Content& content);

/// Doubles the dot at the start of each line, also where pieces meet. Knows lines that end with CRLF only.
class Stuffing {
 public:
  void append(std::string_view piece, std::string& out);
  /// The end of the content: its last line is ended where it is not, and the final dot stands behind it.
  void finish(std::string& out) const;

 private:
  bool is_at_line_start_ = true;
};

}  // namespace postern::delivery
