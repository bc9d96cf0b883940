// What is kept of a password: a SCRAM-SHA-256 verifier (RFC 5802, 3; RFC 5803, 2; RFC 7677), written
//   SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey        (salt and keys in base64)
// From it a password can be checked, and a SCRAM exchange answered, but nobody can log in with it, and finding the
// password takes `iterations` hashes for each guess.
//
// The bytes of a password are used as they are: Cyrus SASL applies no SASLprep (RFC 4013) either. `password.h` says
// which passwords are taken, so that this makes no difference for what people can type.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "mail/parsed.h"

namespace postern::auth {

/// Of a new verifier. 26 ms on one core of the development machine (AMD EPYC, OpenSSL 3.0). It is the most that clients
/// built on Cyrus SASL bear, among them Postfix: its SCRAM plugin refuses to compute more than 65,536.
inline constexpr unsigned default_iterations = 65'536;
inline constexpr unsigned min_iterations = 4'096;  // RFC 7677, 4
/// A line written elsewhere must not keep a thread busy for more than about half a second.
inline constexpr unsigned max_iterations = 1'000'000;
inline constexpr std::size_t salt_size = 16;  // of a new verifier, in bytes
inline constexpr std::size_t max_salt_size = 64;

class Verifier {
 public:
  using Key = std::array<unsigned char, 32>;

  /// For a password, with a new random salt. Takes as long as a check.
  [[nodiscard]] static Verifier make(std::string_view password);
  [[nodiscard]] static Verifier derive(std::string_view password, std::string_view salt,
                                       unsigned iterations);
  [[nodiscard]] static mail::Parsed<Verifier> parse(std::string_view text);

  /// For a user who does not exist: always the same for a name and a key, so that it looks like a stored one, and no
  /// password is known for it.
  [[nodiscard]] static Verifier made_up(std::string_view name, std::string_view key,
                                        unsigned iterations);

  /// Derives and compares, in a time that does not depend on where the two differ.
  [[nodiscard]] bool matches(std::string_view password) const;

  unsigned iterations() const { return iterations_; }
  [[nodiscard]] std::string text() const;

  friend bool operator==(const Verifier&, const Verifier&) = default;

 private:
  Verifier() = default;

  unsigned iterations_ = 0;
  std::string salt_;
  Key stored_key_{};
  Key server_key_{};
};

}  // namespace postern::auth
