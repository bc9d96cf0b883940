#include "net/trust_store.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <memory>
#include <new>
#include <vector>

#include "net/openssl.h"

namespace postern::net {
namespace {

class Bundle {
 public:
  /// False as `trust_file`.
  bool read(BIO* pem) {
    while (const Certificate certificate{
        PEM_read_bio_X509_AUX(pem, nullptr, no_passphrase, nullptr)}) {
      if (!add(*certificate)) return false;
    }
    const unsigned long last = ERR_peek_last_error();
    const bool is_end =
        ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    if (!is_end || entries_.empty()) return false;
    ERR_clear_error();
    der_.shrink_to_fit();
    return true;
  }

  /// Puts into `store` all that have this subject.
  void give(X509_STORE* store, const X509_NAME* subject) const {
    const auto hash = X509_NAME_hash_ex(subject, nullptr, nullptr, nullptr);
    for (const Entry& entry : entries_) {
      if (entry.subject_hash != hash) continue;
      const unsigned char* at = der_.data() + entry.begin;
      const Certificate certificate(d2i_X509_AUX(nullptr, &at, entry.size));
      if (certificate && X509_NAME_cmp(X509_get_subject_name(certificate.get()), subject) == 0)
        X509_STORE_add_cert(store, certificate.get());
    }
  }

 private:
  struct Entry {
    unsigned long subject_hash;
    std::size_t begin;  // in der_
    long size;
  };

  bool add(X509& certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_AUX(&certificate, &der);
    if (size <= 0) return false;
    entries_.push_back({X509_subject_name_hash(&certificate), der_.size(), size});
    der_.insert(der_.end(), der, der + size);
    OPENSSL_free(der);
    return true;
  }

  std::vector<Entry> entries_;
  std::vector<unsigned char> der_;
};

// ── what OpenSSL calls for a certificate that its store does not have yet (X509_LOOKUP_meth_new(3)) ──────────────────

int find_by_subject(X509_LOOKUP* lookup, X509_LOOKUP_TYPE type, const X509_NAME* subject,
                    X509_OBJECT* found) {
  if (type != X509_LU_X509) return 0;
  X509_STORE* const store = X509_LOOKUP_get_store(lookup);
  static_cast<const Bundle*>(X509_LOOKUP_get_method_data(lookup))->give(store, subject);
  X509_OBJECT* const object =
      X509_OBJECT_retrieve_by_subject(X509_STORE_get0_objects(store), type, subject);
  if (!object) return 0;
  X509* const certificate = X509_OBJECT_get0_X509(object);
  if (X509_OBJECT_set1_X509(found, certificate) != 1) return 0;
  X509_free(certificate);  // the caller counts its own reference: see the manual
  return 1;
}

void free_bundle(X509_LOOKUP* lookup) {
  delete static_cast<Bundle*>(X509_LOOKUP_get_method_data(lookup));
}

X509_LOOKUP_METHOD* make_method() {
  X509_LOOKUP_METHOD* const method = X509_LOOKUP_meth_new("bundle");
  if (!method) throw std::bad_alloc();
  X509_LOOKUP_meth_set_free(method, free_bundle);
  X509_LOOKUP_meth_set_get_by_subject(method, find_by_subject);
  return method;
}

}  // namespace

bool trust_file(SSL_CTX* context, const std::string& file) {
  static X509_LOOKUP_METHOD* const method = make_method();
  const Bio pem(BIO_new_file(file.c_str(), "r"));
  auto bundle = std::make_unique<Bundle>();
  if (!pem || !bundle->read(pem.get())) return false;
  X509_LOOKUP* const lookup = X509_STORE_add_lookup(SSL_CTX_get_cert_store(context), method);
  return lookup && X509_LOOKUP_set_method_data(lookup, bundle.release()) == 1;
}

}  // namespace postern::net
