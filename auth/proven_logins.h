// Which passwords have been proved right in the life of this process, so that a phone that sends ten mails costs one
// derivation. What is kept of a password is its HMAC under a key that exists in this memory only; the verifier goes
// in too, so that an entry is void as soon as the user has another one.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "auth/hash.h"
#include "auth/secret.h"
#include "auth/verifier.h"

namespace postern::auth {

/// When it is full, it starts anew: one derivation for each is the price.
inline constexpr std::size_t max_proven_logins = 10'000;

class ProvenLogins {
 public:
  ProvenLogins();

  [[nodiscard]] bool knows(std::string_view name, const Verifier& verifier,
                           std::string_view password) const;
  void remember(std::string_view name, const Verifier& verifier, std::string_view password);

 private:
  Digest proof_of(const Verifier& verifier, std::string_view password) const;

  Secret key_;
  std::map<std::string, Digest, std::less<>> proofs_;  // by user: only one password can be right
};

}  // namespace postern::auth
