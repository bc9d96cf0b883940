// The part of Cyrus SASL that both sides use: the library's start in this process, and the owner of one of its
// connections.
//
// A connection is used by one thread at a time, for one exchange, and never again: Cyrus does not promise that one
// may be used after a failure (CVE-2011-1720).
#pragma once

#include <sasl/sasl.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace postern::auth {

/// What we do as a server.
inline constexpr std::string_view password_mechanisms[] = {"PLAIN", "LOGIN"};
inline constexpr std::string_view scram_mechanism = "SCRAM-SHA-256";
inline constexpr std::string_view plus_mechanism = "SCRAM-SHA-256-PLUS";  // with channel binding

/// The longest message of an exchange, in bytes. SCRAM in Cyrus takes no more; PLAIN with the longest name and password
/// needs 1,536.
inline constexpr std::size_t max_sasl_message = 2'048;

struct DisposeSasl {
  void operator()(sasl_conn_t* connection) const { sasl_dispose(&connection); }
};
using SaslConnection = std::unique_ptr<sasl_conn_t, DisposeSasl>;

/// Starts the library for both sides, at the first call; it stays for the life of the process. Reads no configuration
/// file, and loads only the plugins that are named here. Throws std::runtime_error where Cyrus cannot start.
void start_sasl();

/// The mechanisms that the loaded plugins give a server.
[[nodiscard]] std::vector<std::string> sasl_server_mechanisms();

/// What every exchange is told: TLS protects it, so that sending a password is allowed; no security layer of SASL's
/// own; never anonymous. False: Cyrus does not take it.
[[nodiscard]] bool set_protection(sasl_conn_t* connection);

/// A function of ours as Cyrus's list of callbacks wants it: with its type hidden.
template <class Function>
sasl_callback_t sasl_callback(unsigned long id, Function* function, void* context) {
  return {id, reinterpret_cast<int (*)()>(reinterpret_cast<void (*)()>(function)), context};
}

}  // namespace postern::auth
