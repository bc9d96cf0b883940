#include "net/channel_bindings.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string_view>

namespace postern::net {
namespace {

std::string exporter(SSL* ssl) {
  constexpr std::string_view label = "EXPORTER-Channel-Binding";
  constexpr std::size_t size = 32;
  if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1) return {};
  std::string material(size, '\0');
  // The context is an empty one, which is not the same as none (RFC 5705, 4) below TLS 1.3.
  const int made =
      SSL_export_keying_material(ssl, reinterpret_cast<unsigned char*>(material.data()), size,
                                 label.data(), label.size(), nullptr, 0, 1);
  return made == 1 ? material : std::string();
}

// The hash in the certificate's signature; SHA-256 in the place of MD5 and SHA-1. Null: there is none.
const EVP_MD* hash_of(X509* certificate) {
  int hash = NID_undef;
  if (X509_get_signature_info(certificate, &hash, nullptr, nullptr, nullptr) != 1) return nullptr;
  if (hash == NID_md5 || hash == NID_sha1) return EVP_sha256();
  return EVP_get_digestbynid(hash);
}

std::string server_end_point(SSL* ssl) {
  X509* const certificate = SSL_get_certificate(ssl);
  const EVP_MD* const hash = certificate == nullptr ? nullptr : hash_of(certificate);
  if (hash == nullptr) return {};
  unsigned size = EVP_MAX_MD_SIZE;
  std::string digest(size, '\0');
  if (X509_digest(certificate, hash, reinterpret_cast<unsigned char*>(digest.data()), &size) != 1)
    return {};
  digest.resize(size);
  return digest;
}

}  // namespace

frames::ChannelBindings channel_bindings(SSL* ssl) {
  return {exporter(ssl), server_end_point(ssl)};
}

}  // namespace postern::net
