#include "net/channel_bindings.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include <memory>

#include "certificate.h"
#include "net/openssl.h"
#include "net/stream.h"

namespace postern::net {
namespace {

using Context = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL_SESSION, FreeBy<SSL_SESSION_free>>;
using Ssl = std::unique_ptr<SSL, FreeBy<SSL_free>>;

/// How a certificate is signed: by a key of this type, with this hash.
struct Signature {
  const char* key = "EC";
  const EVP_MD* hash = EVP_sha256();
};

PrivateKey key_of(const char* type) {
  if (std::string_view(type) == "RSA") return PrivateKey(EVP_RSA_gen(2048));
  if (std::string_view(type) == "EC") return PrivateKey(EVP_EC_gen("P-256"));
  return PrivateKey(EVP_PKEY_Q_keygen(nullptr, nullptr, type));
}

Certificate certificate_of(EVP_PKEY* key, const EVP_MD* hash) {
  Certificate certificate(X509_new());
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  X509_set_pubkey(certificate.get(), key);
  EXPECT_GT(X509_sign(certificate.get(), key, hash), 0);
  return certificate;
}

Context server_context(const Signature& signature, int version) {
  const PrivateKey key = key_of(signature.key);
  const Certificate certificate = certificate_of(key.get(), signature.hash);
  Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_max_proto_version(context.get(), version);
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  return context;
}

Context client_context(bool has_extended_secret = true) {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  if (!has_extended_secret) SSL_CTX_set_options(context.get(), SSL_OP_NO_EXTENDED_MASTER_SECRET);
  return context;
}

/// A handshake in memory, by which the client offers to resume an `earlier` session.
struct Connection {
  Ssl client;
  Ssl server;

  Connection(SSL_CTX* accepting, SSL_CTX* connecting, SSL_SESSION* earlier = nullptr)
      : client(SSL_new(connecting)), server(SSL_new(accepting)) {
    BIO* ours = nullptr;
    BIO* theirs = nullptr;
    BIO_new_bio_pair(&ours, 0, &theirs, 0);
    SSL_set_bio(client.get(), ours, ours);
    SSL_set_bio(server.get(), theirs, theirs);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    if (earlier != nullptr) SSL_set_session(client.get(), earlier);
    for (int turn = 0; turn < 10; ++turn) {
      SSL_do_handshake(client.get());
      SSL_do_handshake(server.get());
    }
    EXPECT_TRUE(SSL_is_init_finished(client.get()) && SSL_is_init_finished(server.get()));
    char none = 0;
    SSL_read(client.get(), &none, 1);  // the tickets that come behind the handshake
  }

  /// What the client of a library other than ours would compute.
  std::string exported_to_client() const {
    std::string material(32, '\0');
    SSL_export_keying_material(client.get(), reinterpret_cast<unsigned char*>(material.data()), 32,
                               "EXPORTER-Channel-Binding", 24, nullptr, 0, 1);
    return material;
  }
  std::string certificate_hash(const EVP_MD* hash) const {
    std::string digest(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    X509_digest(SSL_get0_peer_certificate(client.get()), hash,
                reinterpret_cast<unsigned char*>(digest.data()), &size);
    return digest.substr(0, size);
  }
};

// RFC 9266, 2 and 4.2.
TEST(ChannelBindings, ExporterIsTheClientsWhereSecretsAreUnique) {
  const struct {
    int version;
    bool has_extended_secret;
    bool is_there;
    const char* why;
  } rows[] = {
      {TLS1_3_VERSION, true, true, "TLS 1.3"},
      {TLS1_2_VERSION, true, true, "TLS 1.2 with the extended master secret"},
      {TLS1_2_VERSION, false, false, "TLS 1.2 without: the triple handshake attack"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const Context accepting = server_context({}, row.version);
    const Context connecting = client_context(row.has_extended_secret);
    const Connection connection(accepting.get(), connecting.get());
    const Connection another(accepting.get(), connecting.get());
    const auto bindings = channel_bindings(connection.server.get());
    EXPECT_EQ(bindings.tls_exporter, row.is_there ? connection.exported_to_client() : "");
    EXPECT_EQ(bindings.tls_server_end_point, connection.certificate_hash(EVP_sha256()));
    if (!row.is_there) continue;
    EXPECT_EQ(bindings.tls_exporter.size(), 32U);
    EXPECT_NE(bindings.tls_exporter, channel_bindings(another.server.get()).tls_exporter);
  }
}

// RFC 5929, 4.1.
TEST(ChannelBindings, EndPointGoesByTheCertificatesSignature) {
  const struct {
    Signature signature;
    const EVP_MD* hash;
    const char* why;
  } rows[] = {
      {{"EC", EVP_sha256()}, EVP_sha256(), "the usual"},
      {{"RSA", EVP_sha256()}, EVP_sha256(), "the usual with RSA"},
      {{"EC", EVP_sha384()}, EVP_sha384(), "a longer hash"},
      {{"RSA", EVP_sha512()}, EVP_sha512(), "the longest"},
      {{"RSA", EVP_sha1()}, EVP_sha256(), "SHA-1 is not used"},
      {{"RSA", EVP_md5()}, EVP_sha256(), "nor is MD5"},
      {{"ED25519", nullptr}, nullptr, "a signature without a hash"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.why);
    const Context accepting = server_context(row.signature, TLS1_3_VERSION);
    const Context connecting = client_context();
    const Connection connection(accepting.get(), connecting.get());
    EXPECT_EQ(channel_bindings(connection.server.get()).tls_server_end_point,
              row.hash ? connection.certificate_hash(row.hash) : "");
  }
}

// A client that resumes a session believes to see the certificate of its beginning.
TEST(ChannelBindings, AreTheClientsAlsoWhenItResumesASession) {
  const tests::Certificate one("DNS:mx.example");
  const tests::Certificate renewed("DNS:mx.example");
  const std::string keys = new_ticket_keys();
  const auto before = server_tls(one.pem(), one.key_pem(), keys);
  const auto after = server_tls(renewed.pem(), renewed.key_pem(), keys);
  ASSERT_TRUE(before && after);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const Context connecting = client_context();
    SSL_CTX_set_max_proto_version(connecting.get(), version);
    const Connection first(before->get(), connecting.get());
    const Session session(SSL_get1_session(first.client.get()));
    const struct {
      const SslContext& context;
      bool is_resumed;
      const char* why;
    } rows[] = {{*before, true, "the same certificate"}, {*after, false, "a renewed certificate"}};
    for (const auto& row : rows) {
      SCOPED_TRACE(row.why);
      const Connection second(row.context.get(), connecting.get(), session.get());
      EXPECT_EQ(SSL_session_reused(second.server.get()) == 1, row.is_resumed);
      const auto bindings = channel_bindings(second.server.get());
      EXPECT_EQ(bindings.tls_server_end_point, second.certificate_hash(EVP_sha256()));
      EXPECT_EQ(bindings.tls_exporter, second.exported_to_client());
      EXPECT_NE(bindings.tls_exporter, channel_bindings(first.server.get()).tls_exporter);
    }
  }
}

}  // namespace
}  // namespace postern::net
