// Which command a line is, the greeting, STARTTLS, and what needs no transaction. AUTH and the transactions are in files of
// their own.
#include "smtpd/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mail/ascii.h"
#include "smtpd/replies.h"

namespace postern::smtpd {
namespace {

using mail::Reply;

constexpr std::size_t max_helo = 255;  // RFC 5321, 4.5.3.1.2

bool has_control_characters(std::string_view line) {
  return std::ranges::any_of(line,
                             [](char c) { return mail::is_ascii(c) && !mail::is_printable(c); });
}

}  // namespace

struct Session::Command {
  enum class When : std::uint8_t { anytime, greeted, extended };  // extended: behind EHLO only

  std::string_view name;
  When when;
  bool is_idle;     // brings no message nearer
  bool ends_group;  // a client has to wait for its reply (RFC 2920, 3.1; RFC 4954, 4)
  Action (Session::*handler)(std::string_view argument);
};

const Session::Command* Session::find_command(std::string_view name) {
  using enum Command::When;
  static constexpr std::array<Command, 25> commands{{
      {"EHLO", anytime, true, true, &Session::ehlo},
      {"HELO", anytime, true, true, &Session::helo},
      {"STARTTLS", extended, false, true, &Session::starttls},
      {"AUTH", extended, true, true, &Session::auth},
      {"MAIL", greeted, false, false, &Session::mail_from},
      {"RCPT", greeted, false, false, &Session::rcpt_to},
      {"DATA", greeted, false, true, &Session::data},
      {"BDAT", anytime, false, false, &Session::bdat},
      {"RSET", anytime, true, false, &Session::rset},
      {"NOOP", anytime, true, false, &Session::noop},
      {"QUIT", anytime, false, false, &Session::quit},
      {"VRFY", anytime, true, false, &Session::vrfy},
      {"HELP", anytime, true, false, &Session::help},
      {"EXPN", anytime, false, false, &Session::not_implemented},
      {"ETRN", anytime, false, false, &Session::not_implemented},
      {"TURN", anytime, false, false, &Session::not_implemented},
      {"SEND", anytime, false, false, &Session::not_implemented},
      {"SOML", anytime, false, false, &Session::not_implemented},
      {"SAML", anytime, false, false, &Session::not_implemented},
      // A web browser that was told to speak to a mail server: what follows would be the attacker's commands.
      {"GET", anytime, false, false, &Session::foreign_protocol},
      {"HEAD", anytime, false, false, &Session::foreign_protocol},
      {"POST", anytime, false, false, &Session::foreign_protocol},
      {"PUT", anytime, false, false, &Session::foreign_protocol},
      {"OPTIONS", anytime, false, false, &Session::foreign_protocol},
      {"CONNECT", anytime, false, false, &Session::foreign_protocol},
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

Action Session::on_line(std::string_view line, bool is_followed) {
  if (login_ == Login::none) return counted(on_command(line, is_followed));
  return is_followed ? impatient() : counted(on_answer(line));
}

Action Session::on_long_line() {
  if (std::exchange(login_, Login::none) != Login::none) {
    return counted(CancelLogin{{500, {5, 5, 6}, "The line is too long"}});
  }
  return counted(Say{{500, {5, 5, 2}, "The line is too long"}});
}

Action Session::on_command(std::string_view line, bool is_followed) {
  const std::string_view name = line.substr(0, line.find(' '));
  const Command* const command = find_command(name);
  const bool is_malformed = has_control_characters(line);
  // Behind a BDAT that cannot be read stands a chunk of which nobody knows where it ends.
  if (command && command->handler == &Session::bdat &&
      (is_malformed || line.size() > max_command_line)) {
    return unreadable_chunk();
  }
  if (is_malformed) return Say{{501, {5, 5, 2}, "A command must not have control characters"}};
  if (!command) return Say{{500, {5, 5, 2}, "The command is not known"}};
  if (line.size() > max_command_line && command->handler != &Session::auth) {
    return Say{{500, {5, 5, 2}, "The line is too long"}};
  }
  // Whoever does not wait where the protocol says so does not listen to us at all. Clients that may send are forgiven.
  if (is_followed && command->ends_group && !permit()) return impatient();
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

Action Session::impatient() {
  return HangUp{{554, {5, 5, 0}, "Wait for the replies"}, "did not wait for a reply"};
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
  end_transaction();  // RFC 5321, 4.1.4: as if by RSET
  return std::nullopt;
}

Action Session::ehlo(std::string_view argument) {
  if (auto refusal = greet(argument, Greeted::ehlo)) return Say{std::move(*refusal)};
  std::string text =
      fmt::format("{}\nPIPELINING\nSIZE {}", policy_->hostname, policy_->message_size);
  if (offers_starttls() && !is_encrypted()) text += "\nSTARTTLS";
  if (offers_auth() && is_encrypted()) {
    text += "\nAUTH";
    for (const std::string& mechanism : policy_->mechanisms) text += ' ' + mechanism;
  }
  // Simple clients do not look at the last line, where there is no hyphen: what they need stands before it.
  text += fmt::format("\n8BITMIME\nSMTPUTF8\nCHUNKING\nDSN\nENHANCEDSTATUSCODES\nLIMITS RCPTMAX={}",
                      policy_->recipients);
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

// ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────

Action Session::rset(std::string_view argument) {
  if (!argument.empty()) return Say{no_argument()};
  end_transaction();
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
  return Say{{214,
              {2, 0, 0},
              "EHLO HELO STARTTLS AUTH MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY (RFC 5321)"}};
}

Action Session::not_implemented(std::string_view) {
  return Say{{502, {5, 5, 1}, "The command is not implemented"}};
}

Action Session::foreign_protocol(std::string_view) {
  return HangUp{{421, {4, 7, 0}, "This is a mail server"}, "spoke another protocol"};
}

}  // namespace postern::smtpd
