// What ties a login to the TLS connection that it comes through (RFC 5056): a man in the middle has two connections, and
// cannot make them agree.
#pragma once

#include <openssl/ssl.h>

#include "net/frames.h"

namespace postern::net {

/// Those of a connection that we accepted, after its handshake.
///   tls-exporter          RFC 9266, 2: 32 octets of keying material. Empty under TLS 1.2 without the extended master
///                         secret (RFC 7627), where two connections can be made to have the same.
///   tls-server-end-point  RFC 5929, 4.1: a hash of our certificate. Empty where its signature algorithm has no single
///                         hash, as Ed25519 has none.
[[nodiscard]] frames::ChannelBindings channel_bindings(SSL* ssl);

}  // namespace postern::net
