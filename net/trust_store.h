// The certificates that a client trusts. A bundle has some 140, and a peer is verified by one of them: kept as they came, they
// take a sixth of the memory of OpenSSL's objects, which are made of those that are asked for.
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace postern::net {

/// Has `context` trust the certificates in `file` (PEM), as they are now; once for a context, whose TLS is all on one thread. CRLs
/// in it are passed over. False: it has none, or one is damaged; the reason is
/// in OpenSSL's queue of errors.
[[nodiscard]] bool trust_file(SSL_CTX* context, const std::string& file);

}  // namespace postern::net
