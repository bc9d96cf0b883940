// All that is known of one run of the tester: what was to be tried, what was answered, what came back. A value: the prober and
// the listening side fill it in, the judge reads it, reports show it, and a file keeps it for `relay-test --resume`.
//
// Whatever a target or a returned message says is a stranger's text: kept with control characters and all, within the limits
// below, and to be escaped by whoever shows it.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "mail/network.h"
#include "relaytest/catalogue.h"

namespace postern::relaytest {

using std::chrono::milliseconds;
using std::chrono::system_clock;

inline constexpr std::size_t max_transcript_octets = 32 * 1024;  // of one probe
inline constexpr std::size_t max_transcript_lines = 200;  // of one probe; the rest is left out
inline constexpr std::size_t max_transcript_line =
    1024;                                       // octets; the rest of a longer one is left out
inline constexpr std::size_t max_returns = 16;  // that are kept of one probe
inline constexpr std::size_t max_returned_head = 16 * 1024;  // octets of a returned header section

/// One line of a dialogue, without its CRLF.
struct Line {
  enum class Who : std::uint8_t {
    client,
    server,
    note,
    last = note
  };  // a note is ours: `TLSv1.3 ...`, `the connection was closed`
  Who who = Who::client;
  milliseconds at{};  // since the connection was begun
  std::string text;
};

/// A message with the token of a probe, at our mailbox.
struct Return {
  enum class What : std::uint8_t {
    relayed,  // the message itself: the token stands in its own header
    bounced,  // a report that it was given up, with the token elsewhere: it went no further than to who says so
    answered,  // anything else that quotes it (a report of a delay, an auto-reply): it arrived there, and proves no more
    last = answered
  };
  What what = What::relayed;
  bool is_carrier = false;  // smuggling: of the message around the hidden one
  system_clock::time_point at;
  std::string peer;  // the address that handed it in; empty: not known (from a mailbox elsewhere)
  std::string reverse_path;  // as in the returned envelope, where that is known
  std::vector<std::string>
      received;      // its Received fields, unfolded, newest first: the way that it took
  std::string head;  // its header section
};

/// How far a probe came. The order is of no meaning.
enum class Outcome : std::uint8_t {
  not_tried,    // the run ended before, or the target said 421
  not_offered,  // the trick needs STARTTLS, and there is none
  refused,      // 5xx to a command or to the content; or a rude trick was hung up on
  deferred,     // 4xx, each time it was tried
  accepted,     // 2xx to the content: the target has taken it
  broken_off,   // the connection ended without a refusal, before the content was taken or refused
  no_answer,    // nothing in time
  answered,     // a question was answered 2xx
  last = answered
};

struct ProbeResult {
  std::string trick;               // its name in the catalogue
  Kind kind = Kind::message;       // as the catalogue has it
  std::string token;               // of the probe; for smuggling: of the hidden message
  std::string carrier_token;       // smuggling: of the message around it
  bool has_local_carrier = false;  // smuggling: that went to Run::carrier, where it may stay
  Outcome outcome = Outcome::not_tried;
  std::string step;   // where it was decided: `RCPT`, `content`
  std::string reply;  // the words that decided: `554 5.7.1 Relay access denied`
  bool has_surplus_replies =
      false;  // smuggling: answers came to commands that stood in the content
  bool has_recipient_accepted = false;  // 2xx to RCPT: all that a naive tester looks at
  std::string from;                     // as it was sent, behind MAIL FROM: and RCPT TO:
  std::string to;
  std::string tls;  // `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty: in clear
  std::uint32_t attempts = 0;
  system_clock::time_point answered_at;
  std::vector<Line> transcript;  // of the last attempt
  std::vector<Return> returns;
};

/// One way into the target: an address and a port.
struct Door {
  enum class Tls : std::uint8_t { as_offered, implicit, last = implicit };
  mail::IpAddress address;
  std::uint16_t port = 25;
  Tls tls = Tls::as_offered;
  mail::IpAddress source;     // whence we connect; unspecified: the system chooses
  std::string label;          // `192.0.2.1:25`; the self-test adds what the listener is for
  bool is_reachable = false;  // it greeted at least once
  std::string greeting;
  std::string
      trouble;  // why it was given up: `Connection refused`, `421 4.7.0 too many`; empty: it was not
  std::vector<ProbeResult> probes;  // in the catalogue's order
};

struct Run {
  std::string id;       // names the run's file, and is in every message
  std::string secret;   // the key of its tokens; never shown
  std::string target;   // as it was asked for
  std::string server;   // the name used for {server}
  std::string mailbox;  // where relayed messages come back
  std::string listen;   // where the tester listens for them: `192.0.2.9:25`; empty: it does not
  std::string returns;  // the maildir, folder or file where it looks for them; empty: it does not
  std::string contact;  // whom the target's operator can ask
  std::string us;       // our name in EHLO
  std::string sender;   // the reverse-path: an address of the tester, where bounces are seen
  std::string
      carrier;  // an address at the target that takes mail, around which smuggling is tried; empty: the mailbox
  system_clock::time_point started;
  system_clock::time_point ended;  // of the last waiting
  bool is_self = false;            // Postern's own self-test
  std::vector<std::string>
      remarks;  // what a reader has to know about the run's worth, each a sentence
  std::vector<Door> doors;
};

[[nodiscard]] inline bool was_tried(const ProbeResult& probe) { return probe.attempts > 0; }
[[nodiscard]] inline bool was_tried(const Door& door) {
  return std::ranges::any_of(door.probes,
                             [](const ProbeResult& probe) { return was_tried(probe); });
}

/// How many of the probes, at all doors, `claim` is true of.
template <class Claim>
std::size_t count_probes(const Run& run, Claim claim) {
  std::size_t count = 0;
  for (const Door& door : run.doors)
    count += static_cast<std::size_t>(std::ranges::count_if(door.probes, claim));
  return count;
}

}  // namespace postern::relaytest
