#include "relaytest/catch_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "mail/mailbox.h"

namespace postern::relaytest {
namespace {

// A name under which nobody delivers, so that no client takes this server for itself.
constexpr std::string_view hostname = "catch.invalid";

bool is_same_word(std::string_view a, std::string_view upper) {
  return std::ranges::equal(a, upper, {}, [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
}

/// Takes `FROM:` or `TO:` off, and a space behind it, which some clients send.
bool take_keyword(std::string_view& argument, std::string_view keyword) {
  if (!is_same_word(argument.substr(0, keyword.size()), keyword)) return false;
  argument.remove_prefix(keyword.size());
  if (argument.starts_with(' ')) argument.remove_prefix(1);
  return true;
}

/// The path in `<...>`, as far as that can be told. Relays hand on what they were given, such as a source route with an address
/// in it or a quote without its end; a path that is in brackets at all is good enough here.
std::optional<std::string_view> path_in(std::string_view argument) {
  if (const auto split = mail::split_path_argument(argument)) return split->path;
  const std::size_t end = argument.rfind('>');
  if (!argument.starts_with('<') || end == argument.npos) return {};
  return argument.substr(1, end - 1);
}

}  // namespace

CatchSession::CatchSession(const CatchLimits& limits, bool offers_tls, ScriptedReplies& replies,
                           Catch on_message, CatchManner manner)
    : limits_(limits),
      offers_tls_(offers_tls),
      replies_(&replies),
      on_message_(std::move(on_message)),
      manner_(std::move(manner)) {}

std::string CatchSession::greeting() {
  std::string out;
  if (!is_scripted(Step::connect, out)) {
    return fmt::format("220 {} ESMTP {}\r\n", hostname, manner_.greeting);
  }
  has_ended_ = true;
  return out;
}

std::size_t CatchSession::take(std::string_view input, std::string& out) {
  std::size_t taken = 0;
  while (!has_ended_ && !wants_tls_) {
    const std::string_view rest = input.substr(taken);
    const std::size_t n = is_in_content_ ? take_content(rest, out) : take_command(rest, out);
    if (n == 0) break;
    taken += n;
  }
  return taken;
}

void CatchSession::on_tls() {
  wants_tls_ = false;
  has_reverse_path_ = false;
  message_ = {};
  message_.is_encrypted = true;
  offers_tls_ = false;
}

bool CatchSession::is_scripted(Step step, std::string& out) {
  const std::optional<int> code = replies_->next(step);
  if (!code) return false;
  has_ended_ = *code == ScriptedReplies::hang_up || *code == 421;  // RFC 5321, 3.8: 421 closes
  if (*code != ScriptedReplies::hang_up)
    out += fmt::format("{} {}.0.0 As scripted\r\n", *code, *code / 100);
  return true;
}

// ── commands ─────────────────────────────────────────────────────────────────────────────────────────────────────────

std::size_t CatchSession::take_command(std::string_view input, std::string& out) {
  const std::size_t end = input.find("\r\n");
  if (end <= limits_.line) {
    on_command(input.substr(0, end), out);
    return end + 2;
  }
  if (input.size() > limits_.line + 1) {
    out += "500 5.5.2 The line is too long\r\n";
    has_ended_ = true;
  }
  return 0;
}

void CatchSession::on_command(std::string_view line, std::string& out) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view verb = line.substr(0, space);
  const std::string_view argument = line.substr(std::min(space + 1, line.size()));
  if (is_same_word(verb, "MAIL")) return on_mail(argument, out);
  if (is_same_word(verb, "RCPT")) return on_rcpt(argument, out);
  if (is_same_word(verb, "DATA")) return on_data(out);
  if (is_same_word(verb, "EHLO")) return on_ehlo(true, out);
  if (is_same_word(verb, "HELO")) return on_ehlo(false, out);
  if (is_same_word(verb, "STARTTLS")) return on_starttls(out);
  if (is_same_word(verb, "RSET")) {
    has_reverse_path_ = false;
    out += "250 2.0.0 Ok\r\n";
  } else if (is_same_word(verb, "NOOP")) {
    out += "250 2.0.0 Ok\r\n";
  } else if (is_same_word(verb, "QUIT")) {
    has_ended_ = true;
    out += "221 2.0.0 Bye\r\n";
  } else {
    out += "500 5.5.2 Unknown command\r\n";
  }
}

void CatchSession::on_ehlo(bool is_extended, std::string& out) {
  has_reverse_path_ = false;
  if (is_scripted(Step::ehlo, out)) return;
  if (!is_extended) {
    out += fmt::format("250 {}\r\n", hostname);
    return;
  }
  out += fmt::format(
      "250-{}\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE {}\r\n{}{}250 ENHANCEDSTATUSCODES\r\n",
      hostname, limits_.content, offers_tls_ ? "250-STARTTLS\r\n" : "",
      manner_.offers_smtputf8 ? "250-SMTPUTF8\r\n" : "");
}

void CatchSession::on_starttls(std::string& out) {
  wants_tls_ = offers_tls_;
  out += offers_tls_ ? "220 2.0.0 Go ahead\r\n" : "502 5.5.1 No TLS here\r\n";
}

void CatchSession::on_mail(std::string_view argument, std::string& out) {
  if (is_scripted(Step::mail, out)) return;
  const bool has_keyword = take_keyword(argument, "FROM:");
  const auto path = path_in(argument);
  if (!has_keyword || !path) {
    out += "501 5.5.4 Say MAIL FROM:<...>\r\n";
  } else if (has_reverse_path_) {
    out += "503 5.5.1 There is a sender already\r\n";
  } else {
    has_reverse_path_ = true;
    message_.reverse_path = *path;
    message_.recipients.clear();
    out += "250 2.1.0 Ok\r\n";
  }
}

void CatchSession::on_rcpt(std::string_view argument, std::string& out) {
  if (is_scripted(Step::rcpt, out)) return;
  const bool has_keyword = take_keyword(argument, "TO:");
  const auto path = path_in(argument);
  if (!has_keyword || !path || path->empty()) {
    out += "501 5.5.4 Say RCPT TO:<...>\r\n";
  } else if (!has_reverse_path_) {
    out += "503 5.5.1 MAIL comes first\r\n";
  } else if (message_.recipients.size() >= limits_.recipients) {
    out += "452 4.5.3 Too many recipients\r\n";
  } else {
    message_.recipients.emplace_back(*path);
    out += "250 2.1.5 Ok\r\n";
  }
}

void CatchSession::on_data(std::string& out) {
  if (!has_reverse_path_ || message_.recipients.empty()) {
    out += "503 5.5.1 MAIL and RCPT come first\r\n";
    return;
  }
  if (is_scripted(Step::data, out)) return;
  is_in_content_ = true;
  is_line_start_ = true;
  message_.content.clear();
  message_.size = 0;
  out += "354 End with a dot on a line of its own\r\n";
}

// ── content ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Takes one line, or as much of it as is there.
std::size_t CatchSession::take_content(std::string_view input, std::string& out) {
  constexpr std::string_view final_dot = ".\r\n";
  std::size_t stuffing = 0;
  if (is_line_start_) {
    if (input.starts_with(final_dot)) {
      end_of_content(out);
      return final_dot.size();
    }
    if (final_dot.starts_with(input)) return 0;  // it may become one
    if (input.starts_with('.')) stuffing = 1;
  }
  const std::size_t cr_lf = input.find("\r\n");
  std::size_t end = cr_lf + 2;
  if (cr_lf == input.npos) end = input.size() - (input.ends_with('\r') ? 1 : 0);
  if (end == 0) return 0;  // a CR alone: an LF may follow
  keep(input.substr(stuffing, end - stuffing));
  is_line_start_ = cr_lf != input.npos;
  return end;
}

void CatchSession::keep(std::string_view octets) {
  message_.size += octets.size();
  const std::size_t room = limits_.kept - std::min(limits_.kept, message_.content.size());
  message_.content += octets.substr(0, room);
}

void CatchSession::end_of_content(std::string& out) {
  is_in_content_ = false;
  has_reverse_path_ = false;
  if (message_.size > limits_.content) {
    out += "552 5.3.4 The message is too large\r\n";
  } else if (!is_scripted(Step::content, out)) {
    out += on_message_(message_) ? "250 2.0.0 Caught" : manner_.refusal;
    out += "\r\n";
  }
  message_.content.clear();
}

}  // namespace postern::relaytest
