#include "mail/quoted_printable.h"

#include <algorithm>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_encoded_line = 76;  // octets without CRLF (RFC 2045, 6.7, rule 5)
constexpr std::string_view soft_break = "=\r\n";

std::string escaped(char c) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  const auto octet = static_cast<unsigned char>(c);
  return {'=', digits[octet >> 4], digits[octet & 15]};
}

bool is_white(char c) { return c == ' ' || c == '\t'; }

// `c` as it may stand on a line: white space not at its end (rule 3).
bool is_plain(char c, bool is_last) { return is_white(c) ? !is_last : is_printable(c) && c != '='; }

bool is_hex(char c) { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); }

}  // namespace

void QuotedPrintableEncoder::feed(std::string_view octets, std::string& out) {
  for (char c : octets) {
    if (next_) put(false, out);
    next_ = c;
  }
}

void QuotedPrintableEncoder::end_line(std::string& out) {
  finish(out);
  out += "\r\n";
  column_ = 0;
}

void QuotedPrintableEncoder::finish(std::string& out) {
  if (next_) put(true, out);
  next_.reset();
}

void QuotedPrintableEncoder::put(bool is_last, std::string& out) {
  const bool stays = is_plain(*next_, is_last);
  const std::size_t size = stays ? 1 : 3;
  // The last column is for the `=` of a soft line end.
  if (column_ + size > (is_last ? max_encoded_line : max_encoded_line - 1)) {
    out += soft_break;
    column_ = 0;
  }
  column_ += size;
  if (stays) {
    out += *next_;
  } else {
    out += escaped(*next_);
  }
}

void QuotedPrintableMender::feed(std::string_view text, std::string& out) {
  waiting_ += text;
  std::size_t at = 0;
  while (at < waiting_.size() && !is_open(at)) at += put(at, out);
  waiting_.erase(0, at);
  // What is cut off is white space: behind a `=`, it means nothing.
  if (waiting_.size() > max_encoded_line) waiting_.resize(max_encoded_line);
}

void QuotedPrintableMender::end_line(std::string& out) {
  for (std::size_t at = 0; at < waiting_.size();) at += put(at, out);
  waiting_.clear();
  out += "\r\n";
  column_ = 0;
}

// Does it take more octets to know what stands at `at`?
bool QuotedPrintableMender::is_open(std::size_t at) const {
  return waiting_[at] == '=' && (at + 2 >= waiting_.size() || is_at_end(at));
}

// Is there only white space behind `at`?
bool QuotedPrintableMender::is_at_end(std::size_t at) const {
  return std::all_of(waiting_.begin() + static_cast<std::ptrdiff_t>(at) + 1, waiting_.end(),
                     is_white);
}

// Puts what stands at `at`, an octet or an encoded one, or a soft line end, and gives its length.
std::size_t QuotedPrintableMender::put(std::size_t at, std::string& out) {
  const char c = waiting_[at];
  const bool is_encoded =
      c == '=' && at + 2 < waiting_.size() && is_hex(waiting_[at + 1]) && is_hex(waiting_[at + 2]);
  const bool is_soft_end = c == '=' && is_at_end(at);
  const std::size_t taken = is_encoded ? 3 : is_soft_end ? waiting_.size() - at : 1;
  const bool stays = is_encoded || is_soft_end || (is_ascii(c) && c != '=');
  const std::string shown = stays ? waiting_.substr(at, is_encoded ? 3 : 1) : escaped(c);
  if (column_ + shown.size() >= max_encoded_line) {
    out += soft_break;
    column_ = 0;
  }
  column_ += shown.size();
  out += shown;
  return taken;
}

std::string to_quoted_printable(std::string_view text) {
  std::string out;
  QuotedPrintableEncoder encoder;
  for (auto end = text.find("\r\n"); end != std::string_view::npos; end = text.find("\r\n")) {
    encoder.feed(text.substr(0, end), out);
    encoder.end_line(out);
    text.remove_prefix(end + 2);
  }
  encoder.feed(text, out);
  encoder.finish(out);
  return out;
}

}  // namespace postern::mail
