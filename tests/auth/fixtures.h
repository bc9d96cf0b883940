// What the tests of auth share: a folder that goes with the test, quick verifiers, and SCRAM's client side made by
// hand, so that it can be made wrong.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "auth/hash.h"
#include "auth/user_table.h"
#include "net/base64.h"

namespace postern::auth {

class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "postern-auth-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline void write_file(const std::string& path, std::string_view text, mode_t mode = 0640) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  ASSERT_EQ(::chmod(path.c_str(), mode), 0);
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// With as few iterations as are allowed: 2 ms.
inline Verifier quick_verifier(std::string_view password,
                               std::string_view salt = "sixteen bytes ok") {
  return Verifier::derive(password, salt, min_iterations);
}

inline std::string quick_line(const std::string& name, std::string_view password) {
  return User{.name = name, .verifier = quick_verifier(password)}.text() + "\n";
}

/// alice, whose password is `correct horse`.
inline std::shared_ptr<const UserTable> table_of_alice() {
  return std::make_shared<UserTable>(
      UserTable::parse(quick_line("alice", "correct horse"), std::string(32, 'k')));
}

/// RFC 5802, 3: the answer to the server's first message, made by hand.
struct ScramAnswer {
  std::string client_first_bare;
  std::string server_first;
  std::string password;
  std::string channel_binding = "biws";  // `n,,` in base64
  std::string nonce{};                   // empty: the server's

  std::string message() const {
    const std::string without_proof =
        fmt::format("c={},r={}", channel_binding, nonce.empty() ? field('r') : nonce);
    const std::string auth_message = client_first_bare + "," + server_first + "," + without_proof;
    const Digest client_key = hmac_sha256(view_of(salted()), "Client Key");
    Digest stored_key{};
    EVP_Digest(client_key.data(), client_key.size(), stored_key.data(), nullptr, EVP_sha256(),
               nullptr);
    Digest proof = hmac_sha256(view_of(stored_key), auth_message);
    for (std::size_t i = 0; i < proof.size(); ++i) proof[i] ^= client_key[i];
    return without_proof + ",p=" + net::to_base64(view_of(proof));
  }

  /// A field of the server's first message: `r`, `s` or `i`.
  std::string field(char name) const {
    const auto begin = ("," + server_first).find(std::string{',', name, '='});
    if (begin == std::string::npos) return {};
    const std::string rest = server_first.substr(begin + 2);
    return rest.substr(0, rest.find(','));
  }

  Digest salted() const {
    Digest salted{};
    const std::string salt = net::from_base64(field('s')).value_or("");
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                      reinterpret_cast<const unsigned char*>(salt.data()),
                      static_cast<int>(salt.size()), std::stoi(field('i')), EVP_sha256(),
                      static_cast<int>(salted.size()), salted.data());
    return salted;
  }
};

}  // namespace postern::auth
