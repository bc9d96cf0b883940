// Mailboxes and paths: the addresses of an envelope (RFC 5321, 4.1.2).
#pragma once

#include <compare>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "mail/parsed.h"

namespace postern::mail {

// RFC 5321, 4.5.3.1: the longest that must be accepted, and the longest that we accept.
inline constexpr std::size_t max_local_part = 64;
inline constexpr std::size_t max_domain = 255;
inline constexpr std::size_t max_path = 256;  // with its angle brackets

/// A place to deliver to: `local-part@domain`. Made only by `parse`, so always well formed.
class Mailbox {
 public:
  /// Takes `local-part@domain`, where the local part may be a quoted string and the domain an address literal such as
  /// `[192.0.2.1]` or `[IPv6:2001:db8::1]`. Outside ASCII both parts are in UTF-8 (RFC 6531). One trailing dot, source routes, spaces and control characters are errors.
  [[nodiscard]] static Parsed<Mailbox> parse(std::string_view text);

  const std::string& local_part() const { return local_part_; }  // unquoted, case kept
  const std::string& domain() const { return domain_; }  // lower case, A-labels, or `[literal]`
  bool has_address_literal() const { return domain_.front() == '['; }
  bool needs_utf8()
      const;  // its local part is not ASCII: only hops with SMTPUTF8 take it (RFC 6531)

  /// As it stands between angle brackets, the local part quoted where it must be.
  [[nodiscard]] std::string text() const;

  auto operator<=>(const Mailbox&) const = default;

 private:
  Mailbox(std::string local_part, std::string domain)
      : local_part_(std::move(local_part)), domain_(std::move(domain)) {}

  std::string local_part_;
  std::string domain_;
};

/// Where reports about a message go; empty: `<>`, a bounce, which is never bounced (RFC 5321, 4.5.5).
using ReversePath = std::optional<Mailbox>;

/// `<mailbox>`, or `<>`.
[[nodiscard]] std::string text_of(const ReversePath& path);

/// The lower-case form with A-labels of a domain name (RFC 5890), or why it is none. Takes no address literals.
[[nodiscard]] Parsed<std::string> parse_domain(std::string_view text);

/// An argument of MAIL or RCPT: the path in its angle brackets, taken apart from the parameters behind it.
struct PathArgument {
  std::string_view
      path;  // between the brackets, its source route (RFC 5321, appendix C) already ignored
  std::string_view parameters;  // behind them, without the space that parts the two
};

/// Splits `<path> parameters`; knows quoted strings, so that `<"a>b"@c>` is one path.
[[nodiscard]] Parsed<PathArgument> split_path_argument(std::string_view text);

}  // namespace postern::mail
