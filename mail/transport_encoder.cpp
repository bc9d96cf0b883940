#include "mail/transport_encoder.h"

#include <algorithm>
#include <utility>

#include "mail/ascii.h"
#include "mail/folding.h"

namespace postern::mail {
namespace {

constexpr std::string_view crlf = "\r\n";
constexpr std::string_view sealed =
    "in a part that must not be altered, as one that is signed or encrypted: the program that "
    "signs must encode it first";
constexpr std::string_view behind_limit =
    "behind the first MiB of a part that is not encoded: send it as quoted-printable or base64";
constexpr std::string_view outside = "outside its parts";
constexpr std::string_view unclear = "in a multipart whose parts cannot be told";
constexpr std::string_view unknown_encoding = "in a part whose encoding is unknown";
constexpr std::string_view behind_header = "in or behind a header section longer than 1 MiB";
constexpr std::string_view too_many = "behind too many parts";
constexpr std::string_view in_header = "in the header section of a part, where it cannot be folded";

std::string_view without_line_end(std::string_view line) {
  return line.ends_with('\r') ? line.substr(0, line.size() - 1) : line;
}

std::string_view without_white_end(std::string_view line) {
  return line.substr(0, line.find_last_not_of(" \t") + 1);
}

}  // namespace

// ── lines ────────────────────────────────────────────────────────────────────────────────────────────────────────────

void TransportEncoder::feed(std::string_view in, std::string& out) {
  while (!in.empty() && refusal_.empty()) {
    const auto end = in.find('\n');
    if (end == std::string_view::npos) {
      line_ += in;
      if (line_.size() <= max_line + 1) return;  // one more: its last octet may be the CR
      std::string piece = std::exchange(line_, {});
      if (piece.ends_with('\r')) line_ = '\r';
      return pass_text(without_line_end(piece), false, out);
    }
    if (line_.empty()) {
      pass_text(without_line_end(in.substr(0, end)), true, out);
    } else {
      const std::string line = std::exchange(line_, {}).append(in, 0, end);
      pass_text(without_line_end(line), true, out);
    }
    in.remove_prefix(end + 1);
  }
}

void TransportEncoder::finish(std::string& out) {
  if (!line_.empty() || is_within_line_)
    pass_text(without_line_end(std::exchange(line_, {})), true, out);
  if (owes_line_end_) to_base64_.feed(crlf, out);  // no boundary has claimed it
  if (refusal_.empty()) end_part(out);
}

void TransportEncoder::pass_text(std::string_view text, bool ends, std::string& out) {
  const Piece piece{text, !is_within_line_, ends, is_within_line_ || text.size() > max_line};
  is_within_line_ = !ends;
  pass(piece, out);
}

void TransportEncoder::pass(const Piece& piece, std::string& out) {
  if (piece.begins && !piece.is_long && piece.text.starts_with("--") &&
      pass_boundary(piece.text, out)) {
    return;
  }
  switch (state_) {
    case State::header:
      if (piece.begins && piece.ends && piece.text.empty()) return end_header(out);
      return hold(piece, behind_header, out);
    case State::held:
      if (fits(piece)) return hold(piece, behind_limit, out);
      begin_encoding(out);
      return encode(piece, out);
    case State::fixed:
      if (!fits(piece)) return refuse(piece, fixed_because_);
      out.append(piece.text).append(piece.ends ? crlf : "");
      return;
    case State::to_quoted_printable:
    case State::to_base64:
      return encode(piece, out);
    case State::quoted_printable:
    case State::base64:
      return mend(piece, out);
  }
}

void TransportEncoder::hold(const Piece& piece, std::string_view behind, std::string& out) {
  held_.append(piece.text).append(piece.ends ? crlf : "");
  if (held_.size() <= max_held) return;
  if (state_ == State::header && has_long_line(held_)) return refuse(piece, behind);
  out += std::exchange(held_, {});
  must_fit(behind);
}

bool TransportEncoder::fits(const Piece& piece) const {
  return !piece.is_long &&
         (transport_ == Transport::eight_bit || std::ranges::all_of(piece.text, is_ascii));
}

void TransportEncoder::must_fit(std::string_view because) {
  state_ = State::fixed;
  fixed_because_ = because;
}

void TransportEncoder::refuse(const Piece& piece, std::string_view because) {
  refusal_ = piece.is_long ? "a line longer than 998 octets " : "an octet outside ASCII ";
  refusal_ += because;
}

// ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────

// A boundary of any multipart around ends all that is within it (RFC 2046, 5.1.2). White space behind it is transport's.
bool TransportEncoder::pass_boundary(std::string_view line, std::string& out) {
  const std::string_view text = without_white_end(line).substr(2);
  for (auto depth = around_.size(); depth > 0; --depth) {
    const std::string_view boundary = around_[depth - 1].boundary;
    if (!text.starts_with(boundary)) continue;
    const std::string_view rest = text.substr(boundary.size());
    if (!rest.empty() && rest != "--") continue;
    end_part(out);
    out.append(line).append(crlf);
    around_.erase(around_.begin() + static_cast<std::ptrdiff_t>(depth), around_.end());
    if (rest.empty()) {
      const Multipart& multipart = around_.back();
      begin_part(multipart.is_digest ? ContentType{"message", "rfc822"} : ContentType(),
                 multipart.is_sealed);
    } else {
      around_.pop_back();
      must_fit(outside);
    }
    return true;
  }
  return false;
}

void TransportEncoder::begin_part(const ContentType& without_type, bool is_sealed) {
  if (++parts_ > max_parts) {
    around_.clear();
    return must_fit(too_many);
  }
  state_ = State::header;
  without_type_ = without_type;
  is_sealed_ = is_sealed;
  is_top_ = false;
}

void TransportEncoder::end_header(std::string& out) {
  PartHeader header(std::exchange(held_, {}), without_type_);
  const bool is_sealed = is_sealed_ || header.is_sealed();
  if (has_long_line(header.section()) && (is_sealed || !header.refold())) {
    return refuse({{}, true, true, true}, is_sealed ? sealed : in_header);
  }
  choose_state(std::move(header), is_sealed, out);
}

void TransportEncoder::choose_state(PartHeader header, bool is_sealed, std::string& out) {
  const bool is_part = !header.is_multipart() && !header.is_message();
  if (is_part && !is_sealed && header.encoding() == TransferEncoding::identity &&
      header.type().type != "multipart") {
    state_ = State::held;
    held_ = header.section() + std::string(crlf);
    body_ = held_.size();
    header_ = std::move(header);
    return;
  }
  out.append(header.section()).append(crlf);
  if (header.is_message()) {
    begin_part({}, is_sealed);
    is_top_ = true;
  } else if (header.is_multipart() && around_.size() < max_depth) {
    around_.push_back({header.type().boundary, is_sealed, header.type().subtype == "digest"});
    must_fit(outside);
  } else if (is_sealed) {
    must_fit(sealed);
  } else if (header.encoding() == TransferEncoding::quoted_printable) {
    state_ = State::quoted_printable;
  } else if (header.encoding() == TransferEncoding::base64) {
    state_ = State::base64;
  } else {
    must_fit(header.encoding() == TransferEncoding::unknown ? unknown_encoding : unclear);
  }
}

void TransportEncoder::end_part(std::string& out) {
  if (state_ == State::header && has_long_line(held_)) {  // it has no body
    PartHeader header(std::exchange(held_, {}), without_type_);
    if (is_sealed_ || header.is_sealed() || !header.refold()) {
      return refuse({{}, true, true, true}, in_header);
    }
    held_ = header.section();
  }
  out += std::exchange(held_, {});
  if (state_ == State::to_base64) to_base64_.finish(out);
  owes_line_end_ = false;
}

// ── encodings ────────────────────────────────────────────────────────────────────────────────────────────────────────

void TransportEncoder::begin_encoding(std::string& out) {
  const bool is_text = header_->type().type == "text";
  out.append(header_->section_as(is_text ? "quoted-printable" : "base64", is_top_)).append(crlf);
  state_ = is_text ? State::to_quoted_printable : State::to_base64;
  const std::string held = std::exchange(held_, {});
  std::string_view body = std::string_view(held).substr(body_);
  for (auto end = body.find(crlf); end != std::string_view::npos; end = body.find(crlf)) {
    encode({body.substr(0, end), true, true, false}, out);
    body.remove_prefix(end + crlf.size());
  }
}

void TransportEncoder::encode(const Piece& piece, std::string& out) {
  if (state_ == State::to_quoted_printable) {
    to_quoted_printable_.feed(piece.text, out);
    if (piece.ends) to_quoted_printable_.end_line(out);
    return;
  }
  if (std::exchange(owes_line_end_, piece.ends)) to_base64_.feed(crlf, out);
  to_base64_.feed(piece.text, out);
}

void TransportEncoder::mend(const Piece& piece, std::string& out) {
  if (fits(piece)) {
    out.append(piece.text).append(crlf);
  } else if (state_ == State::quoted_printable) {
    mender_.feed(piece.text, out);
    if (piece.ends) mender_.end_line(out);
  } else {
    std::string text(piece.text);
    std::erase_if(text, [](char c) { return !is_ascii(c); });  // means nothing (RFC 2045, 6.8)
    wrapper_.feed(text, out);
    if (piece.ends) wrapper_.end_line(out);
  }
}

}  // namespace postern::mail
