#include "smtpd/session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "mail/ascii.h"
#include "net/base64.h"
#include "smtpd/parameters.h"

namespace postern::smtpd {
namespace {

using mail::Reply;

constexpr std::size_t max_helo = 255;  // RFC 5321, 4.5.3.1.2

Reply out_of_order(std::string_view text) { return {503, {5, 5, 1}, std::string(text)}; }
Reply no_argument() { return {501, {5, 5, 4}, "This command has no argument"}; }

bool has_control_characters(std::string_view line) {
  return std::ranges::any_of(line,
                             [](char c) { return mail::is_ascii(c) && !mail::is_printable(c); });
}

std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

// What stands behind `FROM:` or `TO:`. Clients that write a space there are common, and mean no harm.
std::optional<std::string_view> behind_keyword(std::string_view argument,
                                               std::string_view keyword) {
  if (!mail::equals_ignoring_case(argument.substr(0, keyword.size()), keyword)) return std::nullopt;
  return trim(argument.substr(keyword.size()));
}

std::string literal(const mail::IpAddress& address) {
  return (address.is_v6() ? "[IPv6:" : "[") + address.to_string() + ']';
}

// RFC 4954, 4: `=` is an initial response of no octets.
std::optional<std::string> decode_initial(std::string_view text) {
  return text == "=" ? std::string() : net::from_base64(text);
}

}  // namespace

struct Session::Command {
  enum class When : std::uint8_t { anytime, greeted, extended };  // extended: behind EHLO only

  std::string_view name;
  When when;
  bool is_idle;  // brings no message nearer
  Action (Session::*handler)(std::string_view argument);
};

const Session::Command* Session::find_command(std::string_view name) {
  using enum Command::When;
  static constexpr std::array<Command, 25> commands{{
      {"EHLO", anytime, true, &Session::ehlo},
      {"HELO", anytime, true, &Session::helo},
      {"STARTTLS", extended, false, &Session::starttls},
      {"AUTH", extended, false, &Session::auth},
      {"MAIL", greeted, false, &Session::mail_from},
      {"RCPT", greeted, false, &Session::rcpt_to},
      {"DATA", greeted, false, &Session::data},
      {"RSET", anytime, true, &Session::rset},
      {"NOOP", anytime, true, &Session::noop},
      {"QUIT", anytime, false, &Session::quit},
      {"VRFY", anytime, true, &Session::vrfy},
      {"HELP", anytime, true, &Session::help},
      // This is the place of BDAT (RFC 3030).
      {"BDAT", anytime, false, &Session::not_implemented},
      {"EXPN", anytime, false, &Session::not_implemented},
      {"ETRN", anytime, false, &Session::not_implemented},
      {"TURN", anytime, false, &Session::not_implemented},
      {"SEND", anytime, false, &Session::not_implemented},
      {"SOML", anytime, false, &Session::not_implemented},
      {"SAML", anytime, false, &Session::not_implemented},
      // A web browser that was told to speak to a mail server: what follows would be the attacker's commands.
      {"GET", anytime, false, &Session::foreign_protocol},
      {"HEAD", anytime, false, &Session::foreign_protocol},
      {"POST", anytime, false, &Session::foreign_protocol},
      {"PUT", anytime, false, &Session::foreign_protocol},
      {"OPTIONS", anytime, false, &Session::foreign_protocol},
      {"CONNECT", anytime, false, &Session::foreign_protocol},
  }};
  const auto* const found = std::ranges::find_if(
      commands, [&](const Command& one) { return mail::equals_ignoring_case(one.name, name); });
  return found == commands.end() ? nullptr : found;
}

Session::Session(std::shared_ptr<const Policy> policy, const frames::Admission& admission,
                 mail::IpAddress client, std::string tls)
    : policy_(std::move(policy)),
      admission_(&admission),
      client_(std::move(client)),
      tls_(std::move(tls)) {}

Reply Session::greeting() const { return {220, {}, policy_->hostname + " ESMTP Postern"}; }

Action Session::on_line(std::string_view line) {
  return counted(login_ == Login::none ? on_command(line) : on_answer(line));
}

Action Session::on_long_line() {
  if (std::exchange(login_, Login::none) != Login::none) {
    return counted(CancelLogin{{500, {5, 5, 6}, "The line is too long"}});
  }
  return counted(Say{{500, {5, 5, 2}, "The line is too long"}});
}

Action Session::on_command(std::string_view line) {
  const std::string_view name = line.substr(0, line.find(' '));
  const Command* const command = find_command(name);
  if (has_control_characters(line)) {
    return Say{{501, {5, 5, 2}, "A command must not have control characters"}};
  }
  if (!command) return Say{{500, {5, 5, 2}, "The command is not known"}};
  if (line.size() > max_command_line && command->handler != &Session::auth) {
    return Say{{500, {5, 5, 2}, "The line is too long"}};
  }
  if (command->when != Command::When::anytime && greeted_ == Greeted::no) {
    return Say{out_of_order("Say EHLO first")};
  }
  if (command->when == Command::When::extended && greeted_ != Greeted::ehlo) {
    return Say{out_of_order("Say EHLO first: HELO has no extensions")};
  }
  if (command->is_idle && ++idle_commands_ > max_idle_commands) {
    return HangUp{{421, {4, 7, 0}, "Too many commands without a message"}, "too many commands"};
  }
  return (this->*command->handler)(trim(line.substr(name.size())));
}

// A permanent refusal is an error of the client's: it waits for the next ones, and is sent away after too many.
Action Session::counted(Action action) {
  auto* const say = std::get_if<Say>(&action);
  const auto* const cancel = std::get_if<CancelLogin>(&action);
  const bool is_error = (say && say->reply.is_permanent()) || cancel;
  if (!is_error) return action;
  if (++errors_ >= max_errors)
    return HangUp{{421, {4, 7, 0}, "Too many errors"}, "too many errors"};
  if (say) say->is_slowed = errors_ > free_errors;
  return action;
}

// ── greeting and TLS ─────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<Reply> Session::greet(std::string_view name, Greeted how) {
  if (name.empty() || name.size() > max_helo || name.find(' ') != std::string_view::npos) {
    return Reply{501, {5, 5, 4}, "Say who you are: one domain or address literal"};
  }
  helo_ = name;
  greeted_ = how;
  transaction_.reset();  // RFC 5321, 4.1.4: as if by RSET
  return std::nullopt;
}

Action Session::ehlo(std::string_view argument) {
  if (auto refusal = greet(argument, Greeted::ehlo)) return Say{std::move(*refusal)};
  // This is the place of SMTPUTF8, DSN, CHUNKING and LIMITS.
  std::string text = policy_->hostname + "\nPIPELINING\nSIZE " +
                     std::to_string(policy_->message_size) + "\n8BITMIME\nENHANCEDSTATUSCODES";
  if (offers_starttls() && !is_encrypted()) text += "\nSTARTTLS";
  if (offers_auth() && is_encrypted()) {
    text += "\nAUTH";
    for (const std::string& mechanism : policy_->mechanisms) text += ' ' + mechanism;
  }
  return Say{{250, {}, std::move(text)}};
}

Action Session::helo(std::string_view argument) {
  if (auto refusal = greet(argument, Greeted::helo)) return Say{std::move(*refusal)};
  return Say{{250, {}, policy_->hostname}};
}

bool Session::offers_starttls() const { return policy_->tls == frames::ListenerTls::starttls; }

Action Session::starttls(std::string_view argument) {
  if (!argument.empty()) return Say{no_argument()};
  if (is_encrypted()) return Say{out_of_order("This connection has TLS already")};
  if (!offers_starttls()) return Say{{502, {5, 5, 1}, "This port has no TLS"}};
  return StartTls{{220, {2, 0, 0}, "Go ahead"}};
}

void Session::on_tls(std::string tls) {
  const int errors = errors_;  // except for what would let a client start its count anew
  *this = Session(policy_, *admission_, client_, std::move(tls));
  errors_ = errors;
}

// ── AUTH (RFC 4954) ──────────────────────────────────────────────────────────────────────────────────────────────────

bool Session::offers_auth() const {
  return policy_->auth != mail::AuthPolicy::none && !policy_->mechanisms.empty();
}

bool Session::knows_mechanism(std::string_view name) const {
  return std::ranges::any_of(policy_->mechanisms, [&](const std::string& mechanism) {
    return mail::equals_ignoring_case(mechanism, name);
  });
}

Action Session::auth(std::string_view argument) {
  const std::string_view mechanism = argument.substr(0, argument.find(' '));
  const std::string_view initial = trim(argument.substr(mechanism.size()));
  if (!is_encrypted()) {
    const bool has_leaked = !initial.empty();
    return Say{{538, {5, 7, 11}, "AUTH needs TLS here"},
               has_leaked ? Notice::leaked : Notice::none,
               "AUTH"};
  }
  if (!offers_auth()) return Say{{502, {5, 5, 1}, "This port has no AUTH"}};
  if (identity_) return Say{out_of_order("You are logged in already")};
  if (transaction_) return Say{out_of_order("Not within a transaction")};
  if (failed_logins_ >= max_failed_logins) {
    return HangUp{{421, {4, 7, 0}, "Too many failed logins"}, "too many failed logins"};
  }
  if (!knows_mechanism(mechanism)) return Say{{504, {5, 5, 4}, "The mechanism is not known here"}};
  return begin_login(mechanism, initial.empty() ? std::nullopt : std::optional(initial));
}

Action Session::begin_login(std::string_view mechanism, std::optional<std::string_view> initial) {
  BeginLogin begin{std::string(mechanism), std::nullopt};
  std::ranges::transform(begin.mechanism, begin.mechanism.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  });
  if (initial) begin.initial = decode_initial(*initial);
  if (initial && !begin.initial) return Say{{501, {5, 5, 2}, "That is no base 64"}};
  return begin;
}

Action Session::on_challenge(std::string_view bytes) {
  login_ = Login::challenged;
  return Say{{334, {}, net::to_base64(bytes)}};
}

Action Session::on_answer(std::string_view line) {
  const Login step = std::exchange(login_, Login::none);
  if (line == "*") return CancelLogin{{501, {5, 7, 0}, "The login was cancelled"}};
  std::optional<std::string> bytes = net::from_base64(line);
  if (!bytes) return CancelLogin{{501, {5, 5, 2}, "That is no base 64"}};
  if (step == Login::challenged) return AnswerChallenge{std::move(*bytes)};
  if (!bytes->empty()) return Say{{501, {5, 5, 2}, "Nothing more was asked"}};
  identity_ = std::move(proven_);
  return Say{{235, {2, 7, 0}, "Welcome"}};
}

Action Session::on_verdict(const frames::Verdict& verdict) {
  login_ = Login::none;
  switch (verdict.result) {
    case frames::LoginResult::accepted:
      if (verdict.identity.login.empty()) break;
      if (verdict.last) {  // SMTP has no place for it in a 235: it goes as one more challenge
        login_ = Login::ending;
        proven_ = verdict.identity;
        return Say{{334, {}, net::to_base64(*verdict.last)}};
      }
      identity_ = verdict.identity;
      return Say{{235, {2, 7, 0}, "Welcome"}};
    case frames::LoginResult::refused:
      ++failed_logins_;
      // One text for an unknown user and a wrong password: nobody can ask who has an account.
      return counted(Say{{535, {5, 7, 8}, "The user name or the password is wrong"}});
    case frames::LoginResult::malformed:
      return counted(Say{{501, {5, 5, 2}, "The mechanism does not allow that"}});
    case frames::LoginResult::throttled:
      return counted(Say{{454, {4, 7, 0}, "Too many failed logins, try again later"}});
    case frames::LoginResult::unavailable:
      break;
  }
  return Say{{454, {4, 7, 0}, "Logins cannot be checked now, try again later"}};
}

// ── transactions ─────────────────────────────────────────────────────────────────────────────────────────────────────

std::optional<mail::RelayPermit> Session::permit() const {
  return mail::relay_permit(policy_->auth, policy_->mynetworks, client_, identity_);
}

Reply Session::no_permit() const {
  const std::string who = "Mail from " + literal(client_) + " is not taken here";
  if (!offers_auth()) return {550, {5, 7, 1}, who};
  if (is_encrypted()) return {530, {5, 7, 0}, who + " without a login: use AUTH"};
  if (offers_starttls()) return {530, {5, 7, 0}, who + " without a login: use STARTTLS, then AUTH"};
  return {550, {5, 7, 1}, who + ": this port has no TLS to log in through"};
}

std::optional<Reply> Session::no_room(std::uint64_t size) const {
  if (size > policy_->message_size) return Reply{552, {5, 3, 4}, "The message is too large"};
  if (!admission_->is_accepting) return admission_->refusal;
  if (size > admission_->largest) return Reply{452, {4, 3, 1}, "No room for this message now"};
  return std::nullopt;
}

// The one place where a transaction starts, and only with a permit: a stranger's addresses are not even looked at.
Action Session::mail_from(std::string_view argument) {
  const auto refuse = [&](Reply reply) {
    return Say{std::move(reply), Notice::refused, "MAIL " + std::string(argument)};
  };
  const std::optional<mail::RelayPermit> relay_permit = permit();
  if (!relay_permit) return refuse(no_permit());
  if (transaction_) return Say{out_of_order("A transaction is open already")};
  const auto text = behind_keyword(argument, "FROM:");
  if (!text) return Say{{501, {5, 5, 4}, "It is written MAIL FROM:<mailbox>"}};
  const auto parts = mail::split_path_argument(*text);
  if (!parts) return refuse({501, {5, 5, 4}, parts.error().reason});
  mail::ReversePath reverse_path;
  if (!parts->path.empty()) {
    auto mailbox = mail::Mailbox::parse(parts->path);
    if (!mailbox) return refuse({501, {5, 1, 7}, mailbox.error().reason});
    reverse_path = std::move(*mailbox);
  }
  const Announced announced{greeted_ == Greeted::ehlo, offers_auth() && is_encrypted()};
  const auto parameters = parse_mail_parameters(parts->parameters, announced);
  if (!parameters) return refuse(parameters.error());
  if (auto reply = no_room(parameters->size)) return refuse(std::move(*reply));
  transaction_ = std::make_unique<mail::Envelope>(
      mail::envelope_of(*relay_permit, helo_, tls_, std::move(reverse_path), parameters->body));
  recipient_octets_ = 0;
  return Say{{250, {2, 1, 0}, "OK"}};
}

Action Session::rcpt_to(std::string_view argument) {
  if (!transaction_ && permit()) return Say{out_of_order("Say MAIL first")};
  Reply reply = transaction_ ? add_recipient(argument)
                             : Reply{550, {5, 7, 1}, "Nothing is relayed for you here"};
  if (reply.is_positive()) return Say{std::move(reply)};
  return Say{std::move(reply), Notice::refused, "RCPT " + std::string(argument)};
}

Reply Session::add_recipient(std::string_view argument) {
  const auto text = behind_keyword(argument, "TO:");
  if (!text) return {501, {5, 5, 4}, "It is written RCPT TO:<mailbox>"};
  const auto parts = mail::split_path_argument(*text);
  if (!parts) return {501, {5, 5, 4}, parts.error().reason};
  // RFC 5321, 4.5.1: the one mailbox that is right without a domain.
  const bool is_postmaster = mail::equals_ignoring_case(parts->path, "postmaster");
  auto mailbox = mail::Mailbox::parse(std::string(parts->path) +
                                      (is_postmaster ? '@' + policy_->hostname : ""));
  if (!mailbox) return {501, {5, 1, 3}, mailbox.error().reason};
  if (auto parameters = parse_rcpt_parameters(parts->parameters); !parameters) {
    return parameters.error();
  }
  const std::size_t octets = recipient_octets_ + mailbox->text().size();
  if (transaction_->recipients.size() >= policy_->recipients || octets > max_recipient_octets) {
    return {452, {4, 5, 3}, "Too many recipients: send the rest in another transaction"};
  }
  recipient_octets_ = octets;
  transaction_->recipients.push_back({std::move(*mailbox)});
  return {250, {2, 1, 5}, "OK"};
}

Action Session::data(std::string_view argument) {
  if (!argument.empty()) return Say{no_argument()};
  if (!transaction_) return Say{out_of_order("Say MAIL first")};
  if (transaction_->recipients.empty()) return Say{{554, {5, 5, 1}, "There is no valid recipient"}};
  const std::unique_ptr<mail::Envelope> envelope = std::move(transaction_);
  return TakeContent{{354, {}, "End with <CRLF>.<CRLF>"}, std::move(*envelope), protocol()};
}

Action Session::on_content(Reply reply) {
  if (reply.is_positive()) {
    errors_ = 0;
    idle_commands_ = 0;
    return Say{std::move(reply)};
  }
  return counted(Say{std::move(reply), Notice::refused, "content"});
}

// RFC 3848. AUTH is taken under TLS only, so there is no ESMTPA.
std::string Session::protocol() const {
  if (greeted_ != Greeted::ehlo) return "SMTP";
  return std::string("ESMTP") + (is_encrypted() ? "S" : "") + (identity_ ? "A" : "");
}

// ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Action Session::rset(std::string_view argument) {
  if (!argument.empty()) return Say{no_argument()};
  transaction_.reset();
  return Say{{250, {2, 0, 0}, "OK"}};
}

Action Session::noop(std::string_view) { return Say{{250, {2, 0, 0}, "OK"}}; }

Action Session::quit(std::string_view argument) {
  if (!argument.empty()) return Say{no_argument()};
  return HangUp{{221, {2, 0, 0}, "Bye"}, "quit"};
}

// RFC 5321, 7.3: says nothing about who exists.
Action Session::vrfy(std::string_view argument) {
  if (argument.empty()) return Say{{501, {5, 5, 4}, "Whom?"}};
  return Say{{252, {2, 0, 0}, "Send it, and see"}};
}

Action Session::help(std::string_view) {
  return Say{
      {214, {2, 0, 0}, "EHLO HELO STARTTLS AUTH MAIL RCPT DATA RSET NOOP QUIT VRFY (RFC 5321)"}};
}

Action Session::not_implemented(std::string_view) {
  return Say{{502, {5, 5, 1}, "The command is not implemented"}};
}

Action Session::foreign_protocol(std::string_view) {
  return HangUp{{421, {4, 7, 0}, "This is a mail server"}, "spoke another protocol"};
}

}  // namespace postern::smtpd
