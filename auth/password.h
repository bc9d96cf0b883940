// Which passwords people may choose, and one that nobody has to think up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "auth/secret.h"

namespace postern::auth {

inline constexpr std::size_t min_password = 8;  // characters
/// In bytes. What is longer is no password; Cyrus SASL's LOGIN takes no more either.
inline constexpr std::size_t max_password = 1024;

/// Why a new password is not taken, in words that end in the remedy. Passwords are UTF-8 without control characters. No
/// SASLprep is applied: a client that applies it gets the same bytes for ASCII and for letters in composed form (NFC),
/// which is what keyboards give.
[[nodiscard]] std::optional<std::string> objection_to_password(std::string_view password);

/// 100 random bits in four groups of letters and digits that are not mistaken for one another.
[[nodiscard]] Secret generate_password();

}  // namespace postern::auth
