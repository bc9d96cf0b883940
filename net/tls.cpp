// Which TLS Postern speaks, as server and as client.
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "net/openssl.h"
#include "net/stream.h"
#include "net/trust_store.h"

namespace postern::net {
namespace {

using Failure = boost::system::result<SslContext, std::string>;

std::string why(std::string what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return reason ? what + ": " + reason : what;
}

Bio bio_of(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

SslContext new_context(const SSL_METHOD* method) {
  SslContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context) throw std::bad_alloc();
  SSL_CTX* const ctx = context.get();
  SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
  // SHA-256 before SHA-384: processors have instructions for the first, and a handshake derives a dozen keys with it.
  SSL_CTX_set_ciphersuites(
      ctx, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_options(
      ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Idle connections give their buffers back; writes may be taken up again from a buffer that has moved.
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A record's header and its content are read in one call, not in two.
  SSL_CTX_set_read_ahead(ctx, 1);
  return context;
}

// A session is resumed only with the certificate that it began with: a client goes on to take that one for ours, and would
// bind its login to it (RFC 5929, 4.1).
bool bind_sessions(SSL_CTX* context, X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  return X509_digest(certificate, EVP_sha256(), digest, &size) == 1 &&
         SSL_CTX_set_session_id_context(context, digest, size) == 1;
}

}  // namespace

std::string new_ticket_keys() {
  std::string keys(80, '\0');  // so many OpenSSL takes: a name, a key for HMAC, a key for AES
  auto* const bytes = reinterpret_cast<unsigned char*>(keys.data());
  if (RAND_bytes(bytes, static_cast<int>(keys.size())) != 1) {
    throw std::runtime_error("no randomness: " + why("RAND_bytes"));
  }
  return keys;
}

Failure server_tls(const std::string& chain_pem, const std::string& key_pem,
                   const std::string& ticket_keys) {
  SslContext context = new_context(TLS_server_method());
  SSL_CTX* const ctx = context.get();
  // Forward secrecy and authenticated encryption only; TLS 1.3 has nothing else.
  SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20");
  // OpenSSL gives two, for browsers, which connect twice at once: each costs a seal, a call and a packet.
  SSL_CTX_set_num_tickets(ctx, 1);
  // The chain is sent as the file has it. Else OpenSSL looks for issuers in each handshake, where the file has none.
  SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN);
  std::string keys = ticket_keys;  // OpenSSL's parameter is not const
  if (!keys.empty() && SSL_CTX_set_tlsext_ticket_keys(ctx, keys.data(), keys.size()) != 1) {
    return why("the session tickets' keys are no such keys");
  }

  const Bio chain = bio_of(chain_pem);
  const Certificate own(PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr));
  if (!own || SSL_CTX_use_certificate(ctx, own.get()) != 1)
    return why("the certificate cannot be read");
  if (!bind_sessions(ctx, own.get())) return why("sessions cannot be bound to the certificate");
  while (X509* issuer = PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr)) {
    if (SSL_CTX_add_extra_chain_cert(ctx, issuer) != 1) X509_free(issuer);
  }
  ERR_clear_error();  // the end of the chain counts as an error there

  const Bio key_bio = bio_of(key_pem);
  const PrivateKey key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return why("the private key cannot be read");
  if (SSL_CTX_use_PrivateKey(ctx, key.get()) != 1)
    return why("the private key is not the certificate's");
  return context;
}

Failure client_tls(const std::string& ca_file) {
  SslContext context = new_context(TLS_client_method());
  if (!trust_file(context.get(), ca_file)) {
    return why("the trusted certificates in " + ca_file + " cannot be read");
  }
  return context;
}

}  // namespace postern::net
