// Bytes that must not be seen: passwords, and what would do in their place. A secret has no text form, so it cannot
// get into a log line or a message by accident, and its memory is wiped when it goes.
#pragma once

#include <openssl/crypto.h>

#include <string>
#include <string_view>
#include <vector>

namespace postern::auth {

/// Overwrites `text`, and leaves it empty.
inline void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.size());
  text.clear();
}

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&& other) noexcept {
    bytes_.swap(other.bytes_);
    return *this;
  }
  ~Secret() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  std::string_view view() const { return {bytes_.data(), bytes_.size()}; }

 private:
  // Not a std::string: moving a short one copies its bytes, and leaves them behind.
  std::vector<char> bytes_;
};

/// Takes the bytes, and wipes where they were.
[[nodiscard]] inline Secret secret_from(std::string& text) {
  Secret secret(text);
  wipe(text);
  return secret;
}

}  // namespace postern::auth
