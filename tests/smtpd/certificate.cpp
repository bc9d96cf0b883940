#include "smtpd/certificate.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

namespace postern::smtpd {
namespace {

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

CertificatePem make() {
  constexpr long a_day = 24 * 60 * 60;
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509* const x = certificate.get();
  X509_gmtime_adj(X509_getm_notBefore(x), -a_day);
  X509_gmtime_adj(X509_getm_notAfter(x), a_day);
  X509_set_pubkey(x, key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("mail.example"), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  X509_sign(x, key.get(), EVP_sha256());
  BIO* chain = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(chain, x);
  BIO* key_pem = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_pem, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(chain), text_of(key_pem)};
}

}  // namespace

const CertificatePem& test_certificate() {
  static const CertificatePem certificate = make();
  return certificate;
}

}  // namespace postern::smtpd
