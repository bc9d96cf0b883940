// One client of `postern catch`: SMTP (RFC 5321) as a server speaks it that takes everything. A value machine: octets go in as
// they come, replies come out. It is for tests and demonstrations, so it says yes where a real server would look closer; but
// what it takes it takes exactly: content ends at CRLF.CRLF and nowhere else, and every octet of it is kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "mail/network.h"
#include "relaytest/scripted_replies.h"

namespace postern::relaytest {

struct CaughtMessage {
  std::string reverse_path;  // without brackets
  std::vector<std::string> recipients;
  std::string content;     // as much of it as is kept, dots unstuffed
  std::uint64_t size = 0;  // octets of all content
  bool is_encrypted = false;
  mail::IpAddress peer{};  // who handed it in; the catcher knows
};

struct CatchLimits {
  std::size_t line = 4096;          // octets of a command
  std::size_t recipients = 10'000;  // of one message
  std::uint64_t content = 100 * 1024 * 1024;
  std::size_t kept = 0;  // octets of content that are kept of each message, at most `content`
};

/// How it presents itself.
struct CatchManner {
  std::string greeting = "postern catch takes everything and forwards nothing";  // behind its name
  std::string refusal = "452 4.3.0 Not taken";  // of a message that is not wanted
  bool offers_smtputf8 = false;
};

class CatchSession {
 public:
  /// Is told of each message; false: it is not taken, and the client hears so.
  using Catch = std::function<bool(const CaughtMessage&)>;

  /// `replies` is shared by all sessions and outlives them.
  CatchSession(const CatchLimits& limits, bool offers_tls, ScriptedReplies& replies,
               Catch on_message, CatchManner manner = {});

  /// What to say first.
  [[nodiscard]] std::string greeting();

  /// Deals with the front of `input`, appends the replies to `out`, and says how many octets were dealt with. The rest is the
  /// beginning of something; it comes again with more behind it, and is never longer than a line.
  [[nodiscard]] std::size_t take(std::string_view input, std::string& out);

  /// The connection is to be closed once the replies are written.
  bool has_ended() const { return has_ended_; }

  /// STARTTLS was said: the replies are to be written, and the handshake made. What was sent in clear behind it is not to be
  /// taken for commands (RFC 3207, 5).
  bool wants_tls() const { return wants_tls_; }
  void on_tls();

 private:
  std::size_t take_command(std::string_view input, std::string& out);
  std::size_t take_content(std::string_view input, std::string& out);
  void keep(std::string_view octets);
  void end_of_content(std::string& out);

  void on_command(std::string_view line, std::string& out);
  void on_ehlo(bool is_extended, std::string& out);
  void on_mail(std::string_view argument, std::string& out);
  void on_rcpt(std::string_view argument, std::string& out);
  void on_data(std::string& out);
  void on_starttls(std::string& out);
  bool is_scripted(Step step, std::string& out);

  CatchLimits limits_;
  bool offers_tls_;
  ScriptedReplies* replies_;
  Catch on_message_;
  CatchManner manner_;

  CaughtMessage message_;
  bool has_reverse_path_ = false;
  bool is_in_content_ = false;
  bool is_line_start_ = false;  // of content: the octets before were CRLF
  bool wants_tls_ = false;
  bool has_ended_ = false;
};

}  // namespace postern::relaytest
