// One AUTH command, from our side as the client of a relayhost: a value machine over a Cyrus connection.
//
// The relayhost is reached over verified TLS (delivery sees to that), so a password may be sent to it; SCRAM is still
// preferred, since the relayhost must then prove that it knows the password too. No channel binding yet.
#pragma once

#include <sasl/sasl.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "auth/sasl.h"
#include "auth/secret.h"

namespace postern::auth {

/// What we do as a client, the best first. CRAM-MD5 comes last: many servers announce it for users whose password
/// they keep in a form that cannot serve it.
inline constexpr std::string_view client_mechanisms[] = {
    "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5"};

/// The best of those that stand in `offered`, separated by spaces and in any case; nothing: none is there.
[[nodiscard]] std::optional<std::string> choose_mechanism(std::string_view offered);

/// To be sent to the relayhost. `is_last`: whatever it asks then is wrong.
struct Reply {
  std::optional<std::string> bytes{};
  bool is_last = false;
};
/// The exchange is over; why, in words.
struct GaveUp {
  std::string reason;
};
using ClientReply = std::variant<Reply, GaveUp>;

class ClientExchange {
 public:
  /// `start_sasl` has been called.
  ClientExchange(std::string host, std::string user, std::string_view password);
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  /// `begin` and `answer` may take a tenth of a second: SCRAM derives a key with as many iterations as the relayhost
  /// says, of which Cyrus bears 65,536. Any thread may call them, one at a time.
  [[nodiscard]] ClientReply begin(const std::string& mechanism);
  [[nodiscard]] ClientReply answer(const std::string& challenge);

 private:
  friend struct ClientCallbacks;

  ClientReply reply(int result, const char* out, unsigned length);

  std::string host_;
  std::string user_;
  Secret password_;  // as Cyrus wants it: a sasl_secret_t
  std::array<sasl_callback_t, 4> callbacks_;
  SaslConnection connection_;
};

}  // namespace postern::auth
