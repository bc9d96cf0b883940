// The server's side of an SMTP dialogue (RFC 5321; submission: RFC 6409), without a socket or a clock: a line goes in, what
// to do next comes out. `connection.cpp` does it and tells the session how it went.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "mail/envelope.h"
#include "mail/relay_permit.h"
#include "mail/reply.h"
#include "net/frames.h"
#include "smtpd/parameters.h"
#include "smtpd/policy.h"

namespace postern::smtpd {

/// What the operator should read about a reply in the log.
enum class Notice : std::uint8_t {
  none,
  refused,  // a sender, a recipient or a message was not taken
  leaked,   // a password came in clear: whoever listened has it now
};

struct Say {
  mail::Reply reply;
  Notice notice = Notice::none;
  std::string about = {};  // the command that `notice` is about
  bool is_slowed = false;  // let the client wait before it gets the reply: it makes too many errors
};
/// Say `reply`, then shake hands, then `on_tls`. With bytes already there behind the command: hang up instead.
struct StartTls {
  mail::Reply reply;
};
/// Ask auth; its answers go to `on_challenge` and `on_verdict`.
struct BeginLogin {
  std::string mechanism;
  std::optional<std::string> initial;  // decoded
};
struct AnswerChallenge {
  std::string bytes;
};
/// Tell auth that the exchange is over, and say `reply`.
struct CancelLogin {
  mail::Reply reply;
};
/// What a content belongs to.
struct Message {
  mail::Envelope envelope;
  std::string protocol;  // for the Received field (RFC 3848)
  bool is_utf8 = false;  // the header section may be outside ASCII (RFC 6531)
};
/// Say `reply` (354), read the content, and tell `on_content` what became of it.
struct TakeContent {
  mail::Reply reply;
  Message message;
};
/// Read the `size` octets that stand behind the command (RFC 3030), whatever they are worth: what is left unread would be run
/// as commands. With a `refusal` they are thrown away. Tell `on_chunk` how it went; or, for the last one of a message that
/// was not refused before, `on_content`.
struct TakeChunk {
  std::uint64_t size = 0;
  bool is_last = false;
  std::optional<Message> message{};  // begins with this chunk
  std::optional<mail::Reply> refusal{};
};
/// Say `reply` and close.
struct HangUp {
  mail::Reply reply;
  std::string_view reason;  // for the log
};
using Action = std::variant<Say, StartTls, BeginLogin, AnswerChallenge, CancelLogin, TakeContent,
                            TakeChunk, HangUp>;

class Session {
 public:
  static constexpr std::size_t max_line = 12288;  // octets, without CRLF: AUTH (RFC 4954, 4)
  static constexpr std::size_t max_command_line =
      2048;                               // all others; RFC 5321, 4.5.3.1.4 asks for 512
  static constexpr int max_errors = 20;   // then 421
  static constexpr int free_errors = 10;  // from then on replies are slowed
  static constexpr int max_failed_logins = 3;
  static constexpr int max_idle_commands =
      100;  // NOOP and the like, without a message between them
  static constexpr std::size_t max_recipient_octets =
      512 * 1024;  // an envelope must fit into one frame

  /// `admission` is the queue's latest word; it changes while the session lives. `tls` as in mail::Origin.
  Session(std::shared_ptr<const Policy> policy, const frames::Admission& admission,
          mail::IpAddress client, std::string tls = {});

  [[nodiscard]] mail::Reply greeting() const;

  /// A line without its CRLF. `is_followed`: the client did not wait for the reply.
  [[nodiscard]] Action on_line(std::string_view line, bool is_followed = false);
  /// A line was longer than `max_line`.
  [[nodiscard]] Action on_long_line();
  [[nodiscard]] Action on_challenge(std::string_view bytes);
  [[nodiscard]] Action on_verdict(const frames::Verdict& verdict);
  /// The reply to the final dot: the queue's word, or why the content was refused.
  [[nodiscard]] Action on_content(mail::Reply reply);
  /// 250 for a chunk behind which others come, or why the message is not taken.
  [[nodiscard]] Action on_chunk(mail::Reply reply);
  /// Chunks of a message have come, and the others may yet.
  bool is_within_message() const { return chunks_ == Chunks::open; }
  /// TLS has begun: all that was said before it is forgotten (RFC 3207, 4.2).
  void on_tls(std::string tls);

  /// Present where this client, as it is known now, may send.
  [[nodiscard]] std::optional<mail::RelayPermit> permit() const;
  const std::optional<mail::Identity>& identity() const { return identity_; }

 private:
  struct Command;
  enum class Greeted : std::uint8_t { no, helo, ehlo };
  enum class Login : std::uint8_t { none, challenged, ending };
  enum class Chunks : std::uint8_t { none, open, failed };  // failed: until RSET, RFC 3030, 2

  static const Command* find_command(std::string_view name);
  Action on_command(std::string_view line, bool is_followed);
  Action on_answer(std::string_view line);
  Action counted(Action action);
  static Action impatient();
  static Action unreadable_chunk();

  Action ehlo(std::string_view argument);
  Action helo(std::string_view argument);
  Action starttls(std::string_view argument);
  Action auth(std::string_view argument);
  Action mail_from(std::string_view argument);
  Action rcpt_to(std::string_view argument);
  Action data(std::string_view argument);
  Action bdat(std::string_view argument);
  Action rset(std::string_view argument);
  Action noop(std::string_view argument);
  Action quit(std::string_view argument);
  Action vrfy(std::string_view argument);
  Action help(std::string_view argument);
  Action not_implemented(std::string_view argument);
  Action foreign_protocol(std::string_view argument);

  std::optional<mail::Reply> greet(std::string_view name, Greeted how);
  mail::Reply no_permit() const;
  std::optional<mail::Reply> no_room(std::uint64_t size) const;
  mail::Reply open_transaction(const mail::RelayPermit& permit, std::string_view argument);
  mail::Reply add_recipient(std::string_view argument);
  mail::Parsed<mail::Mailbox> parse_mailbox(std::string_view path) const;
  Announced announced() const;
  std::optional<mail::Reply> no_content() const;
  Message take_message();
  void end_transaction();
  Action begin_login(std::string_view mechanism, std::optional<std::string_view> initial);

  bool is_encrypted() const { return !tls_.empty(); }
  bool offers_starttls() const;
  bool offers_auth() const;
  bool knows_mechanism(std::string_view name) const;
  std::string protocol() const;

  std::shared_ptr<const Policy> policy_;
  const frames::Admission* admission_;
  mail::IpAddress client_;
  std::string tls_;
  std::string helo_;
  std::optional<mail::Identity> identity_;
  std::unique_ptr<mail::Envelope> transaction_;  // outside, so that an idle session stays small
  std::size_t recipient_octets_ = 0;
  bool is_utf8_ = false;   // the transaction has SMTPUTF8
  mail::Identity proven_;  // while `ending`: whose, once the client has seen the last data
  Greeted greeted_ = Greeted::no;
  Login login_ = Login::none;
  Chunks chunks_ = Chunks::none;
  int errors_ = 0;
  int failed_logins_ = 0;
  int idle_commands_ = 0;
};

}  // namespace postern::smtpd
