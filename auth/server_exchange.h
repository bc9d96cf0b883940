// One AUTH command, from our side as the server: a value machine over a Cyrus connection. A message of the client
// goes in, what to do next comes out. It waits for nothing and derives nothing.
//
// PLAIN and LOGIN bring a name and a password. Cyrus takes their messages apart and asks us whether the password is
// right (SASL_CB_SERVER_USERDB_CHECKPASS); the true answer takes long, and the callback cannot wait. So it notes the
// two and says yes, and the exchange ends with `Claimed`: nothing is proved yet, it is for the caller to check the
// password. SCRAM asks for the verifier (auxprop plugin `postern`, property `*authPassword`, RFC 5803), and ends with
// `Proved`.
//
// SCRAM-SHA-256-PLUS is tied to the TLS connection: the client says by what (`gs2_header.h`), Cyrus compares. Who says
// that we do not offer it, though we do, was lied to by somebody in the middle, and is refused.
//
// Limits: a message has at most `max_sasl_message` bytes. A name that no user can have stands for a fixed one that no
// user has, so it goes the way of every unknown user.
#pragma once

#include <sasl/sasl.h>
#include <sasl/saslplug.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "auth/gs2_header.h"
#include "auth/sasl.h"
#include "auth/secret.h"
#include "auth/user_table.h"
#include "net/frames.h"

namespace postern::auth {

/// To be sent to the client, whose answer comes next.
struct Ask {
  std::string bytes;
};
/// The client is `login`. `last`: what it must still be sent.
struct Proved {
  std::string login;
  std::optional<std::string> last;
};
/// The client says that it is `login`, and that this is the password.
struct Claimed {
  std::string login;
  Account account;
  Secret password;
};
/// What a login can be bound to.
struct BindingOffer {
  frames::ChannelBindings bindings{};
  bool offers_plus = false;  // SCRAM-SHA-256-PLUS stood in our list
};
/// Not accepted.
struct Ended {
  frames::LoginResult result = frames::LoginResult::refused;
};
using ServerStep = std::variant<Ask, Proved, Claimed, Ended>;

class ServerExchange {
 public:
  /// `users`: as they are now, for the whole exchange. `start_sasl` has been called.
  ServerExchange(std::string hostname, std::shared_ptr<const UserTable> users,
                 BindingOffer offer = {});
  ServerExchange(const ServerExchange&) = delete;
  ServerExchange& operator=(const ServerExchange&) = delete;

  /// First `begin`, then `answer` as long as the step was Ask.
  [[nodiscard]] ServerStep begin(const std::string& mechanism,
                                 const std::optional<std::string>& initial);
  [[nodiscard]] ServerStep answer(const std::string& bytes);

  /// Whose login the next message proves, or does not: SCRAM, after its first. Null: the next message proves nothing.
  [[nodiscard]] const std::string* login_to_prove() const;

 private:
  friend struct ServerCallbacks;

  bool has_header(const std::string& message) const;
  bool bind(const std::string& first_message);
  ServerStep step(int result, const char* out, unsigned length);
  ServerStep success(const char* out, unsigned length);
  const Account& look_up(std::string_view name);

  std::string hostname_;
  std::shared_ptr<const UserTable> users_;
  BindingOffer offer_;
  std::string binding_type_;
  sasl_channel_binding_t binding_{};
  std::array<sasl_callback_t, 3> callbacks_;
  SaslConnection connection_;
  bool has_begun_ = false;  // SCRAM: its first message was there
  std::string mechanism_;
  std::string login_;  // whose account was looked up
  std::optional<Account> account_;
  std::optional<Secret> password_;  // noted by the callback
};

/// The auxprop plugin that hands SCRAM the verifiers; `start_sasl` registers it.
inline constexpr const char* verifier_plugin = "postern";
sasl_auxprop_init_t verifier_plugin_init;

}  // namespace postern::auth
