// An open session with a hop: greeted, encrypted as its policy says, logged in where it must be, ready for a transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "delivery/auth_desk.h"
#include "delivery/dialogue.h"
#include "net/stream.h"

namespace postern::delivery {

/// What a server announced in its last EHLO reply (RFC 5321, 4.1.1.1). After STARTTLS nothing of the first one counts.
struct Capabilities {
  bool starttls = false;
  bool pipelining = false;      // RFC 2920
  bool eight_bit_mime = false;  // RFC 6152
  bool dsn = false;             // RFC 3461
  bool smtputf8 = false;        // RFC 6531
  bool size = false;            // RFC 1870,
  std::uint64_t max_size = 0;   // and its limit; 0: none is known
  std::string auth;             // the mechanisms, as written (RFC 4954)

  [[nodiscard]] static Capabilities of(const mail::Reply& reply);
};

class Session;
using OpenedSession = std::variant<std::unique_ptr<Session>, Trouble>;

/// What it takes to open sessions.
struct SessionSetup {
  std::string hostname;  // ours, for EHLO
  net::SslContext tls;
  TimeLimits limits;
};

class Session {
 public:
  /// Connects and goes through all that stands before the first MAIL. `in_clear`: without STARTTLS, although it is offered;
  /// only for hops whose TLS is opportunistic. `auth` must outlive the call.
  [[nodiscard]] static net::Task<OpenedSession> open(std::shared_ptr<const SessionSetup> setup,
                                                     AuthDesk& auth, Hop hop, bool in_clear);

  Dialogue& dialogue() { return dialogue_; }
  const Hop& hop() const { return dialogue_.hop(); }
  const Capabilities& capabilities() const { return capabilities_; }
  const TimeLimits& limits() const { return setup_->limits; }

  /// `TLSv1.3 TLS_AES_256_GCM_SHA384 verified`; empty: clear.
  [[nodiscard]] std::string tls() const;

  // A transaction leaves here how the session stands after it.
  bool is_in_step = true;    // every command has had its reply: another transaction may follow
  bool needs_reset = false;  // the server still has a reverse-path: RSET first
  unsigned messages = 0;     // that it has taken

  /// May another transaction follow, by the limits of reuse?
  [[nodiscard]] bool is_reusable(net::Clock::time_point now) const;

 private:
  Session(std::shared_ptr<const SessionSetup> setup, net::TcpSocket socket, Hop hop)
      : setup_(std::move(setup)), dialogue_(std::move(socket), std::move(hop)) {}

  using Step = std::optional<Trouble>;  // nothing: go on
  net::Task<Step> establish(AuthDesk& auth, bool in_clear);
  net::Task<Step> greet();
  net::Task<Step> say_hello();
  net::Task<Step> start_tls();
  net::Task<Step> handshake();
  [[nodiscard]] Step check_name(const mail::Reply& reply) const;

  std::shared_ptr<const SessionSetup> setup_;
  Dialogue dialogue_;
  Capabilities capabilities_;
  net::Clock::time_point opened_ = net::Clock::now();
};

}  // namespace postern::delivery
