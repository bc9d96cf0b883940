// Certificates for tests: self-signed, made on the spot.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>

namespace postern::tests {

class Certificate {
 public:
  /// `names` as in OpenSSL's subjectAltName: `DNS:mx.example`, `IP:127.0.0.1`, several parted by commas.
  explicit Certificate(const std::string& names) {
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
    const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()),
        X509_EXTENSION_free);
    X509_add_ext(certificate.get(), extension.get(), -1);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    pem_ = written([&](BIO* bio) { PEM_write_bio_X509(bio, certificate.get()); });
    key_pem_ = written([&](BIO* bio) {
      PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    char name[] = "/tmp/postern-certificate-XXXXXX";
    const int fd = ::mkstemp(name);
    if (fd < 0 || ::write(fd, pem_.data(), pem_.size()) < 0)
      throw std::runtime_error("no temporary file");
    ::close(fd);
    file_ = name;
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  ~Certificate() { std::remove(file_.c_str()); }

  const std::string& pem() const { return pem_; }
  const std::string& key_pem() const { return key_pem_; }
  /// A file that holds the certificate, to trust it by.
  const std::string& file() const { return file_; }

 private:
  template <class Write>
  static std::string written(Write write) {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
    write(bio.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }

  std::string pem_;
  std::string key_pem_;
  std::string file_;
};

}  // namespace postern::tests
