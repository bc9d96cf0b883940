// Tokens: how a returned message is known as ours, and for which probe. Nobody who has not seen the message can make one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace postern::relaytest {

/// The field in which a probe carries its token (and a report about it does not, in its own header).
inline constexpr std::string_view token_field = "X-Postern-Relay-Test";

/// 32 random octets, in hexadecimal. Throws where the system has no randomness to give.
[[nodiscard]] std::string new_secret();

/// `RUN.PROBE.MAC`: MAC is the first 128 bits of HMAC-SHA-256 over `RUN.PROBE`, in lower-case hexadecimal. `probe` is lower-case
/// letters, digits and hyphens. Survives a change of case, and has at most 100 characters.
[[nodiscard]] std::string token_of(std::string_view run, std::string_view secret,
                                   std::string_view probe);

/// Whatever in `text` has a token's form, in order, at most 32. Compare with those that were sent: the form proves nothing.
[[nodiscard]] std::vector<std::string> tokens_in(std::string_view text);

}  // namespace postern::relaytest
