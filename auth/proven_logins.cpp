#include "auth/proven_logins.h"

#include <openssl/crypto.h>

namespace postern::auth {
namespace {

Secret random_key() {
  std::string bytes = random_bytes(32);
  return secret_from(bytes);
}

}  // namespace

ProvenLogins::ProvenLogins() : key_(random_key()) {}

bool ProvenLogins::knows(std::string_view name, const Verifier& verifier,
                         std::string_view password) const {
  // Computed for unknown users too, so that they take as long.
  const Digest proof = proof_of(verifier, password);
  const auto found = proofs_.find(name);
  return found != proofs_.end() &&
         CRYPTO_memcmp(found->second.data(), proof.data(), proof.size()) == 0;
}

void ProvenLogins::remember(std::string_view name, const Verifier& verifier,
                            std::string_view password) {
  if (proofs_.size() >= max_proven_logins && !proofs_.contains(name)) proofs_.clear();
  proofs_.insert_or_assign(std::string(name), proof_of(verifier, password));
}

Digest ProvenLogins::proof_of(const Verifier& verifier, std::string_view password) const {
  // The text of a verifier has a fixed alphabet without NUL, so no two pairs give the same bytes.
  std::string text = verifier.text();
  text += '\0';
  text.reserve(text.size() + password.size());
  text += password;
  const Digest proof = hmac_sha256(key_.view(), text);
  wipe(text);
  return proof;
}

}  // namespace postern::auth
