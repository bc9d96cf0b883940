// OpenSSL's objects, freed with their owner, and what a server that nobody sits at has to tell OpenSSL.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace postern::net {

template <auto free>
struct FreeBy {
  void operator()(auto* object) const { free(object); }
};
using Bio = std::unique_ptr<BIO, FreeBy<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, FreeBy<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

/// For the functions that read PEM: OpenSSL would ask at the terminal for the passphrase of what is encrypted.
inline int no_passphrase(char*, int, int, void*) { return 0; }

}  // namespace postern::net
