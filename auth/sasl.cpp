#include "auth/sasl.h"

#include <fmt/format.h>
#include <nss.h>
#include <sasl/saslplug.h>

#include <algorithm>
#include <stdexcept>

#include "auth/server_exchange.h"
#include "net/log.h"

namespace postern::auth {
namespace {

constexpr std::string_view plugins[] = {"libplain.so", "liblogin.so", "libscram.so",
                                        "libcrammd5.so"};

// Cyrus asks for its options here instead of reading files.
int get_option(void*, const char*, const char* option, const char** value,
               unsigned* length) noexcept {
  struct Option {
    std::string_view name;
    const char* value;
  };
  static constexpr Option options[] = {
      {"auxprop_plugin", verifier_plugin},
      // A password that our callback did not take must not be taken by anything else: there is no method of this name.
      {"pwcheck_method", "none"},
      {"auto_transition", "no"},
  };
  for (const Option& known : options) {
    if (known.name != option) continue;
    *value = known.value;
    if (length != nullptr) *length = static_cast<unsigned>(std::string_view(known.value).size());
    return SASL_OK;
  }
  return SASL_FAIL;
}

// No configuration file, and of the plugins that lie about only those that we use.
int may_use_file(void*, const char* file, sasl_verify_type_t type) noexcept {
  const std::string_view path(file);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const bool is_ours = std::find(std::begin(plugins), std::end(plugins), name) != std::end(plugins);
  return type == SASL_VRFY_PLUGIN && is_ours ? SASL_OK : SASL_CONTINUE;
}

// What is wrong with the library or its use. What clients do wrong (SASL_LOG_FAIL) is not said here: they could fill
// the log; and above SASL_LOG_WARN come messages with passwords in them.
int log_message(void*, int level, const char* message) noexcept {
  if (message == nullptr || (level != SASL_LOG_ERR && level != SASL_LOG_WARN)) return SASL_OK;
  try {
    net::log(level == SASL_LOG_ERR ? net::Level::error : net::Level::warning, "sasl",
             {{"says", message}});
  } catch (...) {
    return SASL_FAIL;
  }
  return SASL_OK;
}

void require(int result, std::string_view what) {
  if (result != SASL_OK) {
    throw std::runtime_error(
        fmt::format("Cyrus SASL: {}: {}", what, sasl_errstring(result, nullptr, nullptr)));
  }
}

bool start() {
  static const sasl_callback_t callbacks[] = {
      sasl_callback(SASL_CB_GETOPT, get_option, nullptr),
      sasl_callback(SASL_CB_VERIFYFILE, may_use_file, nullptr),
      sasl_callback(SASL_CB_LOG, log_message, nullptr),
      {SASL_CB_LIST_END, nullptr, nullptr},
  };
  // Cyrus's client side looks up the full name of this machine. In /etc/hosts it may: auth has no network.
  if (__nss_configure_lookup("hosts", "files") != 0)
    throw std::runtime_error("glibc keeps looking up names by DNS");
  // Without a name of the application Cyrus looks for no configuration.
  require(sasl_server_init(callbacks, nullptr), "the server side does not start");
  require(sasl_client_init(callbacks), "the client side does not start");
  require(sasl_auxprop_add_plugin(verifier_plugin, verifier_plugin_init),
          "our verifiers are not taken");
  return true;
}

}  // namespace

void start_sasl() {
  static const bool is_started = start();
  static_cast<void>(is_started);
}

std::vector<std::string> sasl_server_mechanisms() {
  std::vector<std::string> names;
  for (const char** name = sasl_global_listmech(); name != nullptr && *name != nullptr; ++name) {
    names.emplace_back(*name);
  }
  return names;
}

bool set_protection(sasl_conn_t* connection) {
  const sasl_ssf_t tls_strength = 128;  // bits: at least that of any cipher we allow
  sasl_security_properties_t properties{};
  properties.security_flags = SASL_SEC_NOANONYMOUS;
  return sasl_setprop(connection, SASL_SSF_EXTERNAL, &tls_strength) == SASL_OK &&
         sasl_setprop(connection, SASL_SEC_PROPS, &properties) == SASL_OK;
}

}  // namespace postern::auth
