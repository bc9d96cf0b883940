#include "mail/content_type.h"

#include <algorithm>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

// RFC 2045, 5.1: what a token has none of.
bool is_token_character(char c) {
  return is_printable(c) &&
         std::string_view(" ()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Takes white space and comments, which may be nested, off the front.
void skip_comments(std::string_view& rest) {
  std::size_t depth = 0;
  while (!rest.empty()) {
    const char c = rest.front();
    if (c == '(') ++depth;
    if (depth == 0 && !is_white(c)) return;
    if (c == ')') --depth;
    rest.remove_prefix(std::min<std::size_t>(c == '\\' ? 2 : 1, rest.size()));
  }
}

std::string take_token(std::string_view& rest) {
  skip_comments(rest);
  const auto end = std::ranges::find_if_not(rest, is_token_character);
  std::string token(rest.begin(), end);
  rest.remove_prefix(token.size());
  skip_comments(rest);
  return token;
}

std::string take_lower_token(std::string_view& rest) {
  std::string token = take_token(rest);
  std::ranges::transform(token, token.begin(), to_lower);
  return token;
}

bool take(char c, std::string_view& rest) {
  const bool is_there = rest.starts_with(c);
  if (is_there) rest.remove_prefix(1);
  return is_there;
}

// A token or a quoted string.
std::string take_value(std::string_view& rest) {
  skip_comments(rest);
  if (!take('"', rest)) return take_token(rest);
  std::string value;
  while (!rest.empty() && !take('"', rest)) {
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    if (rest.front() != '\r' && rest.front() != '\n') value += rest.front();
    rest.remove_prefix(1);
  }
  skip_comments(rest);
  return value;
}

// RFC 2046, 5.1.1, but for which characters it is made of: many programs take others, and all compare octets.
bool is_boundary(std::string_view text) {
  return text.size() <= max_boundary && !text.ends_with(' ') &&
         std::ranges::all_of(text, is_printable);
}

}  // namespace

ContentType parse_content_type(std::string_view value) {
  ContentType parsed{take_lower_token(value), {}};
  const bool has_slash = take('/', value);
  parsed.subtype = take_lower_token(value);
  if (parsed.type.empty() || !has_slash || parsed.subtype.empty()) return {};
  while (take(';', value)) {
    const std::string name = take_lower_token(value);
    if (!take('=', value)) continue;
    const std::string argument = take_value(value);
    if (name == "boundary" && parsed.boundary.empty() && is_boundary(argument)) {
      parsed.boundary = argument;
    }
  }
  return parsed;
}

TransferEncoding parse_transfer_encoding(std::string_view value) {
  const std::string name = take_lower_token(value);
  if (name.empty() || name == "7bit" || name == "8bit" || name == "binary") {
    return TransferEncoding::identity;
  }
  if (name == "quoted-printable") return TransferEncoding::quoted_printable;
  if (name == "base64") return TransferEncoding::base64;
  return TransferEncoding::unknown;
}

}  // namespace postern::mail
