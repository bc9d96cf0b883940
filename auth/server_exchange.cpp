#include "auth/server_exchange.h"

#include <algorithm>

#include "net/log.h"

namespace postern::auth {
namespace {

/// What a name that no user can have becomes. It has a space, so no user can have it.
constexpr std::string_view nobody = "not a user";

bool is_password_mechanism(std::string_view name) {
  return std::find(std::begin(password_mechanisms), std::end(password_mechanisms), name) !=
         std::end(password_mechanisms);
}

bool is_scram(std::string_view name) { return name == scram_mechanism || name == plus_mechanism; }

}  // namespace

// What Cyrus calls. No exception may get into its frames.
struct ServerCallbacks {
  static int canonical_name(sasl_conn_t*, void*, const char* in, unsigned length, unsigned,
                            const char*, char* out, unsigned max, unsigned* out_length) noexcept {
    std::string_view name(in, length);
    if (!is_user_name(name)) name = nobody;
    if (name.size() >= max) return SASL_BUFOVER;
    name.copy(out, name.size());
    out[name.size()] = '\0';
    *out_length = static_cast<unsigned>(name.size());
    return SASL_OK;
  }

  static int note_password(sasl_conn_t*, void* context, const char* user, const char* password,
                           unsigned length, propctx*) noexcept try {
    auto& exchange = *static_cast<ServerExchange*>(context);
    exchange.look_up(user);
    exchange.password_.emplace(std::string_view(password, length));
    return SASL_OK;
  } catch (...) {
    return SASL_FAIL;
  }

  // Gives Cyrus the properties that it has asked for, of which it is SCRAM alone that asks for the verifier.
  static int look_up_properties(void*, sasl_server_params_t* params, unsigned flags,
                                const char* user, unsigned length) noexcept try {
    if ((flags & SASL_AUXPROP_AUTHZID) != 0) return SASL_OK;
    const sasl_utils_t& utils = *params->utils;
    sasl_callback_ft unused = nullptr;
    void* exchange = nullptr;
    // The plugin is one for the process; which exchange this is, its connection knows by the context of its callback.
    const int found =
        utils.getcallback(utils.conn, SASL_CB_SERVER_USERDB_CHECKPASS, &unused, &exchange);
    if (found != SASL_OK || exchange == nullptr) return SASL_FAIL;
    for (const propval* wanted = utils.prop_get(params->propctx);
         wanted != nullptr && wanted->name != nullptr; ++wanted) {
      if (wanted->name != std::string_view("*authPassword") || wanted->values != nullptr) continue;
      const Account& account = static_cast<ServerExchange*>(exchange)->look_up({user, length});
      const std::string verifier = account.verifier.text();
      return utils.prop_set(params->propctx, wanted->name, verifier.data(),
                            static_cast<int>(verifier.size()));
    }
    return SASL_OK;
  } catch (...) {
    return SASL_FAIL;
  }
};

int verifier_plugin_init(const sasl_utils_t*, int max_version, int* version,
                         sasl_auxprop_plug_t** plugin, const char*) {
  if (max_version < SASL_AUXPROP_PLUG_VERSION) return SASL_BADVERS;
  static char name[] = "postern";
  static sasl_auxprop_plug_t ours{};
  ours.auxprop_lookup = ServerCallbacks::look_up_properties;
  ours.name = name;
  *version = SASL_AUXPROP_PLUG_VERSION;
  *plugin = &ours;
  return SASL_OK;
}

ServerExchange::ServerExchange(std::string hostname, std::shared_ptr<const UserTable> users,
                               BindingOffer offer)
    : hostname_(std::move(hostname)),
      users_(std::move(users)),
      offer_(std::move(offer)),
      callbacks_{
          sasl_callback(SASL_CB_SERVER_USERDB_CHECKPASS, ServerCallbacks::note_password, this),
          sasl_callback(SASL_CB_CANON_USER, ServerCallbacks::canonical_name, this),
          sasl_callback_t{SASL_CB_LIST_END, nullptr, nullptr}} {}

ServerStep ServerExchange::begin(const std::string& mechanism,
                                 const std::optional<std::string>& initial) {
  if (initial && initial->size() > max_sasl_message) return Ended{frames::LoginResult::malformed};
  mechanism_ = mechanism;
  sasl_conn_t* connection = nullptr;
  // SASL_SUCCESS_DATA: SCRAM's last message comes with the success; how SMTP carries it is smtpd's affair.
  const int made = sasl_server_new("smtp", hostname_.c_str(), nullptr, nullptr, nullptr,
                                   callbacks_.data(), SASL_SUCCESS_DATA, &connection);
  connection_.reset(connection);
  if (made != SASL_OK || !set_protection(connection))
    return Ended{frames::LoginResult::unavailable};
  if (initial && has_header(*initial) && !bind(*initial)) return Ended{};
  const char* out = nullptr;
  unsigned length = 0;
  const int result =
      sasl_server_start(connection_.get(), mechanism.c_str(), initial ? initial->data() : nullptr,
                        initial ? static_cast<unsigned>(initial->size()) : 0, &out, &length);
  return step(result, out, length);
}

ServerStep ServerExchange::answer(const std::string& bytes) {
  if (bytes.size() > max_sasl_message) return Ended{frames::LoginResult::malformed};
  const bool is_bound = binding_.len > 0;
  if (has_header(bytes) && !bind(bytes)) return Ended{};
  const char* out = nullptr;
  unsigned length = 0;
  const int result = sasl_server_step(connection_.get(), bytes.data(),
                                      static_cast<unsigned>(bytes.size()), &out, &length);
  // To Cyrus, what was bound to another connection is malformed. To us it is the attack that this is there for.
  if (is_bound && result == SASL_BADPROT) return Ended{};
  return step(result, out, length);
}

const std::string* ServerExchange::login_to_prove() const {
  return is_scram(mechanism_) && account_ ? &login_ : nullptr;
}

bool ServerExchange::has_header(const std::string& message) const {
  return is_scram(mechanism_) && !has_begun_ && !message.empty();
}

// What does not begin as it has to is left to Cyrus, who says that it is malformed.
bool ServerExchange::bind(const std::string& first_message) {
  has_begun_ = true;
  const std::optional<BindingChoice> choice = BindingChoice::parse(first_message);
  if (!choice) return true;
  if (!choice->fits(mechanism_, offer_.offers_plus, offer_.bindings)) return false;
  if (choice->flag != BindingFlag::used) return true;
  const std::string& expected = choice->expected(offer_.bindings);
  binding_type_ = choice->type;
  binding_.name = binding_type_.c_str();
  binding_.len = expected.size();
  binding_.data = reinterpret_cast<const unsigned char*>(expected.data());
  return sasl_setprop(connection_.get(), SASL_CHANNEL_BINDING, &binding_) == SASL_OK;
}

ServerStep ServerExchange::step(int result, const char* out, unsigned length) {
  switch (result) {
    case SASL_CONTINUE:
      return Ask{out == nullptr ? std::string() : std::string(out, length)};
    case SASL_OK:
      return success(out, length);
    case SASL_BADPROT:
      return Ended{frames::LoginResult::malformed};
    case SASL_FAIL:
    case SASL_NOMEM:
    case SASL_BADPARAM:
    case SASL_NOTINIT:
    case SASL_NOMECH:
      net::log(net::Level::error, "sasl-failed",
               {{"mechanism", mechanism_}, {"why", sasl_errdetail(connection_.get())}});
      return Ended{frames::LoginResult::unavailable};
    default:
      return Ended{frames::LoginResult::refused};
  }
}

// Cyrus is content. Whether that proves anything depends on what it was content with.
ServerStep ServerExchange::success(const char* out, unsigned length) {
  const void* name = nullptr;
  const bool is_named =
      sasl_getprop(connection_.get(), SASL_AUTHUSER, &name) == SASL_OK && name != nullptr;
  if (!is_named || !account_) return Ended{frames::LoginResult::refused};
  std::string login = static_cast<const char*>(name);
  if (is_password_mechanism(mechanism_) && password_) {
    return Claimed{std::move(login), *account_, std::move(*password_)};
  }
  if (is_scram(mechanism_) && account_->is_real) {
    std::optional<std::string> last;
    if (out != nullptr) last.emplace(out, length);
    return Proved{std::move(login), std::move(last)};
  }
  return Ended{frames::LoginResult::refused};
}

const Account& ServerExchange::look_up(std::string_view name) {
  login_ = name;
  account_ = users_->account(name);
  return *account_;
}

}  // namespace postern::auth
