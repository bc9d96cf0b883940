#include "mail/mailbox.h"

#include <idn2.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "mail/ascii.h"
#include "mail/network.h"
#include "mail/utf8.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_label = 63;  // RFC 1035, 2.3.4
constexpr std::size_t max_mailbox = max_path - 2;

// RFC 5322, 3.2.3; outside ASCII: RFC 6531, 3.3.
bool is_atext(char c) {
  return is_letter(c) || is_digit(c) || !is_ascii(c) ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

bool is_dot_string(std::string_view text) {
  return !text.empty() && !text.starts_with('.') && !text.ends_with('.') &&
         text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return is_atext(c) || c == '.'; });
}

// The two below take a local part off the front of `rest`, up to its '@'.

Parsed<std::string> take_dot_string(std::string_view& rest) {
  const auto local_part = rest.substr(0, rest.find('@'));
  if (!is_dot_string(local_part)) {
    return SyntaxError{"the local part must be atoms parted by single dots, or in quotes"};
  }
  rest.remove_prefix(local_part.size());
  return std::string(local_part);
}

Parsed<std::string> take_quoted_string(std::string_view& rest) {
  std::string local_part;
  rest.remove_prefix(1);
  while (!rest.empty() && rest.front() != '"') {
    if (rest.front() == '\\') rest.remove_prefix(1);
    if (rest.empty() || (is_ascii(rest.front()) && !is_printable(rest.front()))) {
      return SyntaxError{"a quoted local part must be of printable characters"};
    }
    local_part += rest.front();
    rest.remove_prefix(1);
  }
  if (rest.empty()) return SyntaxError{"the quotes of the local part are not closed"};
  // Grammatical, but nobody's: what means nothing is not let in.
  if (local_part.empty()) return SyntaxError{"the local part is empty"};
  rest.remove_prefix(1);
  return local_part;
}

std::string text_of_local_part(std::string_view local_part) {
  if (is_dot_string(local_part)) return std::string(local_part);
  std::string quoted = "\"";
  for (char c : local_part) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted += '"';
}

// RFC 5321, 4.1.3. Of the tags only IPv6 is registered. `[IPv6:::ffff:192.0.2.1]` is `[192.0.2.1]`: one place, one name.
Parsed<std::string> parse_address_literal(std::string_view text) {
  constexpr std::string_view tag = "IPv6:";
  if (!text.ends_with(']')) return SyntaxError{"the address literal does not end with ]"};
  text = text.substr(1, text.size() - 2);
  const bool is_tagged = equals_ignoring_case(text.substr(0, tag.size()), tag);
  const auto address = parse_address(is_tagged ? text.substr(tag.size()) : text);
  if (!address || address->is_v6() != is_tagged) {
    return SyntaxError{"an address literal is written [192.0.2.1] or [IPv6:2001:db8::1]"};
  }
  const auto literal = normalised(*address);
  return (literal.is_v6() ? "[IPv6:" : "[") + literal.to_string() + "]";
}

// Letters, digits, hyphens, and underscores: those are no host names (RFC 1123, 2.1), but the DNS has them, some get mail,
// and refusing them here would protect nobody.
bool is_label(std::string_view text) {
  return !text.empty() && text.size() <= max_label && !text.starts_with('-') &&
         !text.ends_with('-') && std::ranges::all_of(text, [](char c) {
           return is_letter(c) || is_digit(c) || c == '-' || c == '_';
         });
}

// RFC 5891 by way of UTS 46, which maps case and width as users expect. No A-label or domain comes out that is longer than
// the DNS allows: libidn2 answers an error.
Parsed<std::string> to_a_labels(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return SyntaxError{"the domain has a NUL"};
  char* out = nullptr;
  const int status =
      idn2_to_ascii_8z(std::string(text).c_str(), &out, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<char, void (*)(void*)> owner(out, idn2_free);
  if (status != IDN2_OK) return SyntaxError{"the domain is no internationalised domain name"};
  return std::string(out);
}

Parsed<std::string> to_ascii_domain(std::string_view text) {
  if (!std::ranges::all_of(text, is_ascii)) return to_a_labels(text);
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), to_lower);
  return lower;
}

// The domains of a source route, `@a,@b:`, taken off the front of `rest`; they must be well formed, and are not used.
Parsed<bool> take_source_route(std::string_view& rest) {
  char behind = ',';
  while (behind == ',') {
    const auto end = rest.find_first_of(",:");
    if (end == std::string_view::npos || !rest.starts_with('@') ||
        !parse_domain(rest.substr(1, end - 1))) {
      return SyntaxError{"a source route is written @domain,@domain:mailbox"};
    }
    behind = rest[end];
    rest.remove_prefix(end + 1);
  }
  return true;
}

// Where the closing bracket stands that is not in quotes.
std::size_t find_end_of_path(std::string_view text) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '>' && !is_quoted) return i;
    if (text[i] == '"') is_quoted = !is_quoted;
    if (text[i] == '\\' && is_quoted) ++i;  // the next character has no meaning
  }
  return std::string_view::npos;
}

std::string_view without_outer_spaces(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

}  // namespace

Parsed<Mailbox> Mailbox::parse(std::string_view text) {
  if (text.size() > max_mailbox) return SyntaxError{"the mailbox is too long"};
  auto local_part = text.starts_with('"') ? take_quoted_string(text) : take_dot_string(text);
  if (!local_part) return local_part.error();
  if (!is_utf8_text(*local_part)) return SyntaxError{"the local part is not in UTF-8"};
  // Measured in the form that goes on the wire, so that what is accepted here can be sent.
  if (text_of_local_part(*local_part).size() > max_local_part) {
    return SyntaxError{"the local part is longer than 64 octets"};
  }
  if (!text.starts_with('@')) return SyntaxError{"a mailbox is written local-part@domain"};
  text.remove_prefix(1);
  auto domain = text.starts_with('[') ? parse_address_literal(text) : parse_domain(text);
  if (!domain) return domain.error();
  Mailbox mailbox(std::move(*local_part), std::move(*domain));
  if (mailbox.text().size() > max_mailbox) return SyntaxError{"the mailbox is too long"};
  return mailbox;
}

bool Mailbox::needs_utf8() const { return !std::ranges::all_of(local_part_, is_ascii); }

std::string Mailbox::text() const { return text_of_local_part(local_part_) + '@' + domain_; }

std::string text_of(const ReversePath& path) { return path ? '<' + path->text() + '>' : "<>"; }

Parsed<std::string> parse_domain(std::string_view text) {
  if (text.size() > max_domain) return SyntaxError{"the domain is longer than 255 octets"};
  auto domain = to_ascii_domain(text);
  if (!domain) return domain;
  std::string_view rest = *domain;
  for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    if (!is_label(rest.substr(0, dot))) return SyntaxError{"the domain has a malformed label"};
    rest.remove_prefix(dot + 1);
  }
  if (!is_label(rest)) return SyntaxError{"the domain has a malformed label"};
  // No top-level domain is a number (RFC 3696, 2): that is an address without its brackets.
  if (std::ranges::all_of(rest, is_digit)) {
    return SyntaxError{"the domain ends in a number: an IP address is written [192.0.2.1]"};
  }
  return domain;
}

Parsed<PathArgument> split_path_argument(std::string_view text) {
  if (!text.starts_with('<')) return SyntaxError{"the path must be in angle brackets"};
  text.remove_prefix(1);
  const bool has_source_route = text.starts_with('@');
  if (has_source_route) {
    const auto route = take_source_route(text);
    if (!route) return route.error();
  }
  const auto end = find_end_of_path(text);
  if (end == std::string_view::npos) return SyntaxError{"the path has no closing angle bracket"};
  // A route to nowhere must not pass for `<>`.
  if (has_source_route && end == 0) return SyntaxError{"behind the source route is no mailbox"};
  const auto behind = text.substr(end + 1);
  if (!behind.empty() && behind.front() != ' ') {
    return SyntaxError{"between the path and its parameters must be a space"};
  }
  return PathArgument{text.substr(0, end), without_outer_spaces(behind)};
}

}  // namespace postern::mail
