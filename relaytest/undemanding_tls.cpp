#include "relaytest/undemanding_tls.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>

#include "net/openssl.h"

namespace postern::relaytest {
namespace {

constexpr std::size_t key_bits = 2048;
constexpr long an_hour = 60 * 60;  // seconds
constexpr long thirty_days = 30 * 24 * an_hour;

using net::Certificate;
using net::PrivateKey;

void require(bool is_done) {
  if (!is_done) throw std::runtime_error("OpenSSL makes no certificate for the listener");
}

net::SslContext undemanding(const SSL_METHOD* method) {
  net::SslContext context(SSL_CTX_new(method), SSL_CTX_free);
  if (!context) throw std::bad_alloc();
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_cipher_list(context.get(), "ALL:@SECLEVEL=0");
  // Idle connections give their buffers back; writes may be taken up again from a buffer that has moved.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

Certificate self_signed(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  require(certificate != nullptr);
  X509* it = certificate.get();
  X509_set_version(it, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(it), 1);
  X509_gmtime_adj(X509_getm_notBefore(it), -an_hour);
  X509_gmtime_adj(X509_getm_notAfter(it), thirty_days);
  X509_NAME* name = X509_get_subject_name(it);
  const std::string text = "postern relay-test";
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(text.c_str()), -1, -1, 0);
  X509_set_issuer_name(it, name);
  X509_set_pubkey(it, key);
  require(X509_sign(it, key, EVP_sha256()) > 0);
  return certificate;
}

}  // namespace

net::SslContext undemanding_client_tls() { return undemanding(TLS_client_method()); }

net::SslContext undemanding_server_tls() {
  net::SslContext context = undemanding(TLS_server_method());
  const PrivateKey key(EVP_RSA_gen(key_bits));
  require(key != nullptr);
  const Certificate certificate = self_signed(key.get());
  require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1);
  require(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1);
  return context;
}

}  // namespace postern::relaytest
