// The way of a content from the client to the queue: octets go in as they come, fixed-up pieces come out. Holds the header
// section until it is complete, and afterwards little more than one piece and, of a part that is not encoded,
// TransportEncoder::max_held, however long the content is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/reply.h"
#include "mail/transport_encoder.h"
#include "smtpd/content_reader.h"
#include "smtpd/fix_ups.h"

namespace postern::smtpd {

class Intake {
 public:
  /// `max_size`: octets of content (RFC 1870, 3: with each CRLF, without dot-stuffing and final dot).
  Intake(Submitter submitter, std::uint64_t max_size, Additions additions,
         Framing framing = Framing::data);

  /// Takes octets as `ContentReader::feed` does. Goes on to the final dot even when the content is refused: stop early, and
  /// the rest would be run as commands.
  [[nodiscard]] std::size_t feed(std::string_view in);

  /// BDAT: takes all of the octets of a chunk, or of a part of one. Lines may cross from one chunk to the next.
  void feed_chunk(std::string_view octets);
  /// BDAT: the last chunk was fed.
  void finish();

  /// The final dot has come, or the last chunk.
  bool is_complete() const { return reader_.is_complete(); }

  /// The next piece for the queue, at most frames::max_chunk; empty: not yet, or no more.
  [[nodiscard]] std::string take_chunk();

  /// Why the content is not taken. May be there before the final dot, and then stays.
  const std::optional<mail::Reply>& refusal() const { return refusal_; }

  /// The header section has octets outside ASCII (RFC 6532). Known when `take_chunk` gives the first piece.
  bool has_utf8_header() const { return has_utf8_header_; }

 private:
  std::string& unread() { return encoder_ ? unencoded_ : pending_; }
  void on_read(std::size_t added);
  void fit_lines();
  void find_header();
  void pass_header(std::string_view section, bool is_whole);
  void refuse(mail::Reply reply);

  Submitter submitter_;
  ContentReader reader_;
  std::uint64_t room_;  // octets that may still come
  Additions additions_;
  std::string pending_;       // content that is not taken yet
  std::size_t taken_ = 0;     // so much of it is
  std::size_t searched_ = 0;  // so much of `pending_` has no end of the header section
  bool is_header_done_ = false;
  std::optional<mail::TransportEncoder> encoder_;  // only where it is needed, or may be
  std::string unencoded_;                          // on its way into it
  bool has_utf8_header_ = false;
  std::optional<mail::Reply> refusal_;
};

}  // namespace postern::smtpd
