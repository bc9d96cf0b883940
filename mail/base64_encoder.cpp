#include "mail/base64_encoder.h"

#include <algorithm>
#include <cstdint>

namespace postern::mail {
namespace {

constexpr std::size_t max_encoded_line = 76;
constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void Base64Wrapper::feed(std::string_view text, std::string& out) {
  while (!text.empty()) {
    if (column_ == max_encoded_line) end_line(out);
    const auto piece = text.substr(0, max_encoded_line - column_);
    out += piece;
    column_ += piece.size();
    text.remove_prefix(piece.size());
  }
}

void Base64Wrapper::end_line(std::string& out) {
  out += "\r\n";
  column_ = 0;
}

void Base64Encoder::feed(std::string_view octets, std::string& out) {
  for (char c : octets) {
    group_ += c;
    if (group_.size() == 3) put(out);
  }
}

void Base64Encoder::finish(std::string& out) {
  if (!group_.empty()) put(out);
  if (!is_empty_) wrapper_.end_line(out);
  is_empty_ = true;
}

void Base64Encoder::put(std::string& out) {
  const std::size_t size = group_.size();
  group_.resize(3);
  std::uint32_t bits = 0;
  for (char c : group_) bits = bits << 8 | static_cast<unsigned char>(c);
  std::string quad;
  for (int shift = 18; shift >= 0; shift -= 6) quad += digits[bits >> shift & 63];
  std::fill(quad.begin() + static_cast<std::ptrdiff_t>(size) + 1, quad.end(), '=');
  wrapper_.feed(quad, out);
  group_.clear();
  is_empty_ = false;
}

}  // namespace postern::mail
