// The addresses in From, To, Cc and their like (RFC 5322, 3.4), and where in the text they stand.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "mail/parsed.h"

namespace postern::mail {

inline constexpr std::size_t max_listed_addresses = 10'000;  // in one field

/// One address of a list, as its author wrote it: not yet a Mailbox, and perhaps none.
struct ListedAddress {
  std::string
      text;  // `local-part@domain` or `local-part`, without comments and white space around its tokens
  std::size_t end = 0;  // where in the list its last octet was
  bool has_domain = false;
  // In front of its angle brackets stands, unquoted, another address, which some readers take for it.
  bool has_rival = false;
  std::size_t next = 0;  // where the list goes on behind the comma that ends it; 0: none does
};

/// The addresses of `value`, groups opened. Knows comments, quoted strings, folding, and UTF-8 (RFC 6532); takes what real
/// mail has beyond the grammar where all readers agree on it: empty elements, `;` for `,`, dots and unquoted addresses in
/// display names. All else is an error: what readers see differently must not be judged by one of them. Source routes are errors.
[[nodiscard]] Parsed<std::vector<ListedAddress>> parse_address_list(std::string_view value);

/// `value` with `@domain` behind each address that has no domain; nothing else is changed. `addresses` are those of `value`.
[[nodiscard]] std::string qualify(std::string_view value,
                                  const std::vector<ListedAddress>& addresses,
                                  std::string_view domain);

/// `value` with a space behind each comma that parts two of its addresses and has none: where it may be folded.
[[nodiscard]] std::string spread(std::string_view value,
                                 const std::vector<ListedAddress>& addresses);

}  // namespace postern::mail
