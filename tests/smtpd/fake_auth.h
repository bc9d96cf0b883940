// The auth role as its clients see it, with one user: `fun`, whose password is `secret`. For the user `down` no answer can be
// found.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "net/frames.h"

namespace postern::smtpd {

class FakeAuth {
 public:
  /// The answer; none for a cancellation.
  std::optional<frames::AuthToSmtpd> answer(const frames::SmtpdToAuth& frame) {
    if (const auto* begin = std::get_if<frames::BeginLogin>(&frame)) return on_begin(*begin);
    if (const auto* answer = std::get_if<frames::Answer>(&frame)) return on_answer(*answer);
    exchanges_.erase(std::get<frames::CancelLogin>(frame).exchange);
    ++cancelled;
    return std::nullopt;
  }

  int cancelled = 0;

 private:
  struct Exchange {
    std::string mechanism;
    std::string user;  // LOGIN: once it is known
  };

  frames::AuthToSmtpd on_begin(const frames::BeginLogin& begin) {
    exchanges_[begin.exchange] = {begin.mechanism, ""};
    if (begin.mechanism == "LOGIN") return frames::Challenge{begin.exchange, "Username:"};
    if (!begin.initial) return frames::Challenge{begin.exchange, ""};
    return on_answer({begin.exchange, *begin.initial});
  }

  frames::AuthToSmtpd on_answer(const frames::Answer& answer) {
    Exchange& exchange = exchanges_[answer.exchange];
    if (exchange.mechanism == "PLAIN") return on_plain(answer);
    if (exchange.mechanism == "SCRAM-SHA-256") {
      if (answer.bytes == "first") return frames::Challenge{answer.exchange, "second"};
      return frames::Verdict{answer.exchange, frames::LoginResult::accepted, fun(), "signature"};
    }
    if (exchange.user.empty()) {
      exchange.user = answer.bytes;
      return frames::Challenge{answer.exchange, "Password:"};
    }
    return verdict(answer.exchange, exchange.user, answer.bytes);
  }

  frames::AuthToSmtpd on_plain(const frames::Answer& answer) {
    const auto second = answer.bytes.find('\0', 1);
    if (answer.bytes.empty() || second == std::string::npos) {
      return frames::Verdict{answer.exchange, frames::LoginResult::malformed};
    }
    return verdict(answer.exchange, answer.bytes.substr(1, second - 1),
                   answer.bytes.substr(second + 1));
  }

  static frames::Verdict verdict(std::uint64_t exchange, const std::string& user,
                                 const std::string& password) {
    if (user == "down") return {exchange, frames::LoginResult::unavailable};
    if (user == "fun" && password == "secret") {
      return {exchange, frames::LoginResult::accepted, fun()};
    }
    return {exchange, frames::LoginResult::refused};
  }

  static mail::Identity fun() { return {"fun", {*mail::Mailbox::parse("fun@office.example")}}; }

  std::map<std::uint64_t, Exchange> exchanges_;
};

}  // namespace postern::smtpd
