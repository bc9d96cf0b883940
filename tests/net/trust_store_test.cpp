#include "net/trust_store.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <memory>

#include "net/openssl.h"

namespace postern::net {
namespace {

using Context = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;

/// A certificate for `key`, by `issuer` and its key; without an issuer by itself.
Certificate make(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key) {
  Certificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509* const by = issuer ? issuer : made.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(by));
  X509V3_CTX parties;
  X509V3_set_ctx(&parties, by, made.get(), nullptr, nullptr, 0);
  for (const auto& [what, value] :
       {std::pair(NID_basic_constraints, issuer ? "CA:FALSE" : "CA:TRUE"),
        std::pair(NID_subject_key_identifier, "hash"),
        std::pair(NID_authority_key_identifier, "keyid:always")}) {
    const std::unique_ptr<X509_EXTENSION, FreeBy<X509_EXTENSION_free>> extension(
        X509V3_EXT_conf_nid(nullptr, &parties, what, value));
    X509_add_ext(made.get(), extension.get(), -1);
  }
  X509_sign(made.get(), issuer_key, EVP_sha256());
  return made;
}

struct Authority {
  PrivateKey key{EVP_EC_gen("P-256")};
  Certificate certificate;
  Certificate issued;

  explicit Authority(const char* name)
      : certificate(make(name, key.get(), nullptr, key.get())),
        issued(make("mx.example", key.get(), certificate.get(), key.get())) {}

  std::string pem() const {
    const Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }
};

class TrustStore : public testing::Test {
 protected:
  bool is_taken(const std::string& bundle) {
    char name[] = "/tmp/postern-bundle-XXXXXX";
    const int fd = ::mkstemp(name);
    EXPECT_EQ(::write(fd, bundle.data(), bundle.size()), static_cast<ssize_t>(bundle.size()));
    ::close(fd);
    const bool taken = trust_file(context_.get(), name);
    ::unlink(name);
    ERR_clear_error();
    return taken;
  }

  bool verifies(const Authority& authority) const {
    const std::unique_ptr<X509_STORE_CTX, FreeBy<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
    X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context_.get()), authority.issued.get(),
                        nullptr);
    return X509_verify_cert(check.get()) == 1;
  }

  Authority first_{"One Authority"};
  Authority second_{"One Authority"};  // its new key, say
  Authority other_{"Another"};
  Authority stranger_{"A Stranger"};
  Authority impostor_{"Another"};
  Context context_{SSL_CTX_new(TLS_client_method())};
};

TEST_F(TrustStore, HasAllOfItsFileAndNoOthers) {
  ASSERT_TRUE(is_taken("The first:\n" + first_.pem() + other_.pem() + second_.pem()));
  for (int i = 0; i < 2; ++i) {  // the second time OpenSSL has them
    EXPECT_TRUE(verifies(second_));
    EXPECT_TRUE(verifies(first_));
    EXPECT_TRUE(verifies(other_));
    EXPECT_FALSE(verifies(stranger_));
    EXPECT_FALSE(verifies(impostor_));
  }
}

TEST_F(TrustStore, BearsACertificateThatIsThereTwice) {
  ASSERT_TRUE(is_taken(first_.pem() + first_.pem()));
  EXPECT_TRUE(verifies(first_));
  EXPECT_TRUE(verifies(first_));
}

TEST_F(TrustStore, IsNotMadeOfWhatHasNoCertificate) {
  EXPECT_FALSE(is_taken(""));
  EXPECT_FALSE(is_taken("nonsense\n"));
  EXPECT_FALSE(trust_file(context_.get(), "/nonexistent/bundle.pem"));
  EXPECT_FALSE(verifies(first_));
  ERR_clear_error();
}

TEST_F(TrustStore, IsNotMadeOfADamagedFile) {
  std::string damaged = second_.pem();
  damaged.erase(200, 40);
  EXPECT_FALSE(is_taken(first_.pem() + damaged));
  EXPECT_FALSE(verifies(first_));
}

}  // namespace
}  // namespace postern::net
