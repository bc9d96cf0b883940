#include "auth/verifier.h"

#include <gtest/gtest.h>

#include "fixtures.h"

namespace postern::auth {
namespace {

// RFC 7677, 3: the example exchange of user `user` with password `pencil`.
const std::string salt = *net::from_base64("W22ZaJ0SNY7soEsUEjb6gQ==");
const std::string nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string client_first_bare = "n=user,r=rOprNGfwEbeRWgbNEkqO";
const std::string server_first = "r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

std::string key_of(const Verifier& verifier, bool is_server_key) {
  const std::string text = verifier.text();
  const std::string keys = text.substr(text.rfind('$') + 1);
  const auto colon = keys.find(':');
  return *net::from_base64(is_server_key ? keys.substr(colon + 1) : keys.substr(0, colon));
}

TEST(Verifier, GivesTheServerSignatureOfRfc7677) {
  const Verifier verifier = Verifier::derive("pencil", salt, 4096);
  const std::string auth_message = client_first_bare + "," + server_first + ",c=biws,r=" + nonce;
  const Digest signature = hmac_sha256(key_of(verifier, true), auth_message);
  EXPECT_EQ(net::to_base64(view_of(signature)), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(Verifier, TakesTheClientProofOfRfc7677) {
  const Verifier verifier = Verifier::derive("pencil", salt, 4096);
  const std::string auth_message = client_first_bare + "," + server_first + ",c=biws,r=" + nonce;
  const std::string stored_key = key_of(verifier, false);
  Digest client_key = hmac_sha256(stored_key, auth_message);
  const std::string proof = *net::from_base64("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  for (std::size_t i = 0; i < client_key.size(); ++i)
    client_key[i] ^= static_cast<unsigned char>(proof[i]);
  Digest hashed{};
  EVP_Digest(client_key.data(), client_key.size(), hashed.data(), nullptr, EVP_sha256(), nullptr);
  EXPECT_EQ(view_of(hashed), stored_key);
}

TEST(Verifier, MatchesItsPasswordOnly) {
  const Verifier verifier = quick_verifier("correct horse");
  EXPECT_TRUE(verifier.matches("correct horse"));
  for (const std::string_view wrong : {"", "correct hors", "correct horse ", "Correct horse"}) {
    EXPECT_FALSE(verifier.matches(wrong)) << wrong;
  }
  EXPECT_FALSE(verifier.matches(std::string_view("correct horse\0", 14)));
}

TEST(Verifier, OfOnePasswordDiffersEveryTime) {
  const Verifier one = Verifier::make("correct horse");
  EXPECT_EQ(one.iterations(), default_iterations);
  EXPECT_TRUE(one.matches("correct horse"));
  EXPECT_NE(one, Verifier::make("correct horse"));
}

TEST(Verifier, IsReadAsItIsWritten) {
  const Verifier verifier = quick_verifier("correct horse");
  const auto read = Verifier::parse(verifier.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, verifier);
}

TEST(Verifier, IsRefusedWhereItIsMalformed) {
  const std::string key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
  const struct {
    std::string text;
    const char* why;
  } rows[] = {
      {"", "empty"},
      {"SCRAM-SHA-1$4096:c2FsdA==$" + key + ":" + key, "another scheme"},
      {"{PLAIN}secret", "a password, not a verifier"},
      {"SCRAM-SHA-256$4095:c2FsdA==$" + key + ":" + key, "fewer iterations than RFC 7677 allows"},
      {"SCRAM-SHA-256$1000001:c2FsdA==$" + key + ":" + key, "so many that a login takes a second"},
      {"SCRAM-SHA-256$99999999999999999999:c2FsdA==$" + key + ":" + key,
       "more than an integer holds"},
      {"SCRAM-SHA-256$-4096:c2FsdA==$" + key + ":" + key, "negative"},
      {"SCRAM-SHA-256$4096x:c2FsdA==$" + key + ":" + key, "not a number"},
      {"SCRAM-SHA-256$4096:$" + key + ":" + key, "no salt"},
      {"SCRAM-SHA-256$4096:c2Fsd$" + key + ":" + key, "the salt is no base64"},
      {"SCRAM-SHA-256$4096:c2FsdA==$" + key, "no ServerKey"},
      {"SCRAM-SHA-256$4096:c2FsdA==$c2FsdA==:" + key, "StoredKey too short"},
      {"SCRAM-SHA-256$4096:c2FsdA==$" + key + ":" + key + "x", "more behind it"},
  };
  for (const auto& row : rows) EXPECT_FALSE(Verifier::parse(row.text)) << row.why;
}

TEST(MadeUpVerifier, IsTheSameForANameAndAKey) {
  const std::string key(32, 'k');
  const Verifier bob = Verifier::made_up("bob", key, 4096);
  EXPECT_EQ(bob, Verifier::made_up("bob", key, 4096));
  EXPECT_NE(bob.text(), Verifier::made_up("bobby", key, 4096).text());
  EXPECT_NE(bob.text(), Verifier::made_up("bob", std::string(32, 'l'), 4096).text());
  EXPECT_TRUE(Verifier::parse(bob.text())) << "it looks like a stored one";
}

}  // namespace
}  // namespace postern::auth
