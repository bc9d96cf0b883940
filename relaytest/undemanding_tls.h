// TLS with whoever comes, as client and as server: the worse kept a server is, the more it is to be tested. No secret passes
// here; what is proved is proved by tokens.
#pragma once

#include <string>

#include "net/stream.h"

namespace postern::relaytest {

/// Takes any certificate, and every version that OpenSSL can speak.
[[nodiscard]] net::SslContext undemanding_client_tls();

/// A certificate of its own, made on the spot, for an hour before and thirty days from now: longer than any run. RSA, which
/// old servers know, too. Throws std::runtime_error where OpenSSL cannot make one.
[[nodiscard]] net::SslContext undemanding_server_tls();

}  // namespace postern::relaytest
