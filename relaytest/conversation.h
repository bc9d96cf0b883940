// One probe on one connection: from the first packet to QUIT, as one straight story. Every wait in it is bounded, and so is
// whatever a server can make us keep.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "mail/reply.h"
#include "net/stream.h"
#include "relaytest/run.h"
#include "relaytest/script.h"
#include "relaytest/transcript.h"

namespace postern::relaytest {

/// How long a conversation may wait.
struct Patience {
  milliseconds reply{30'000};   // for one reply, and for the connection
  milliseconds whole{300'000};  // for all of it: a tarpit must not hold us
  milliseconds surplus{
      1500};  // for replies that come only where the server saw more commands than we meant
};

/// What came of one try.
struct Attempt {
  ProbeResult probe;
  bool has_greeted = false;
  std::string greeting;
  std::string
      farewell;  // the words of a 421: we are to leave this server alone; empty: there was none
  bool insists_on_tls = false;  // 530 in clear to MAIL or RCPT, and STARTTLS is offered
};

class Conversation {
 public:
  /// All but `probe` outlives the conversation. `with_tls`: STARTTLS although the trick does not ask for it.
  Conversation(const Script& script, const Door& door, const std::string& server,
               net::SslContext tls, Patience patience, ProbeResult probe, bool with_tls);

  [[nodiscard]] net::Task<Attempt> hold();

 private:
  // Each answers whether the conversation goes on; where it does not, the outcome is decided.
  net::Task<bool> speak();
  net::Task<bool> connect(net::TcpSocket& socket);
  net::Task<bool> open();
  net::Task<bool> greet();
  net::Task<bool> say_hello(std::string command);
  net::Task<bool> start_tls();
  net::Task<bool> handshake();
  net::Task<bool> claim();
  net::Task<bool> transact();
  net::Task<bool> send_content();
  net::Task<bool> ask_question();
  net::Task<> say_goodbye();

  // These end the conversation only where the connection failed.
  net::Task<bool> ask(std::string_view step, std::string command);
  net::Task<bool> send(std::string_view step, std::string_view bytes);
  net::Task<bool> read_reply(std::string_view step);
  net::Task<int> read_surplus();
  net::Task<net::Result<mail::Reply>> next_reply(net::Clock::duration limit);

  bool is_positive(std::string_view step);
  bool was_rude(std::string_view step) const;
  void decide(Outcome outcome, std::string_view step, std::string words);
  void fail(std::string_view step, net::error_code error);
  void note(std::string_view text) { transcript_.add(Line::Who::note, text); }
  void limit_to(net::Clock::duration limit);
  bool is_in_clear() const { return !stream_->is_encrypted(); }

  const Script& script_;
  const Door& door_;
  const std::string& server_;
  net::SslContext tls_;
  Patience patience_;
  bool with_tls_;
  Attempt attempt_;
  net::Clock::time_point begun_ = net::Clock::now();
  Transcript transcript_{begun_};
  std::unique_ptr<net::Stream> stream_;
  mail::Reply reply_;         // the last one
  mail::Reply capabilities_;  // what EHLO was answered
  bool is_usable_ = false;    // the connection stands, and every command has had its reply
};

}  // namespace postern::relaytest
