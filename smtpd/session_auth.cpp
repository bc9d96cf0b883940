// A client logs in: AUTH (RFC 4954), as far as it is the session's affair. Whether it proves anything, auth says.
#include <algorithm>
#include <utility>

#include "mail/ascii.h"
#include "net/base64.h"
#include "smtpd/replies.h"
#include "smtpd/session.h"

namespace postern::smtpd {
namespace {

// RFC 4954, 4: `=` is an initial response of no octets.
std::optional<std::string> decode_initial(std::string_view text) {
  return text == "=" ? std::string() : net::from_base64(text);
}

}  // namespace

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
  if (transaction_ || chunks_ != Chunks::none) return Say{out_of_order("Not within a transaction")};
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
      ++failed_logins_;
      return Say{{454, {4, 7, 0}, "Too many failed logins from you, try again later"}};
    case frames::LoginResult::unavailable:
      break;
  }
  return Say{{454, {4, 7, 0}, "Logins cannot be checked now, try again later"}};
}

}  // namespace postern::smtpd
