// A session as text that anyone can read: `C: ` what the client says, `S: ` what the server answers, where `*` matches to the
// end of the line. `R: ` is a whole reply of one line or more, by its last line; `B: ` octets without a line's end. `TLS` is a handshake, `CLOSED` the server's end of the connection. `\xNN` is an octet. The first lines may
// set up the server: `listener: tls=none auth=required client=stranger size=1000 recipients=2 admission=452`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mail/relay_permit.h"
#include "net/frames.h"

namespace postern::smtpd {

struct Step {
  enum class Kind : std::uint8_t { client, octets, server, reply, tls, closed };
  Kind kind;
  std::string text;
  int line;

  bool is_said() const { return kind == Kind::client || kind == Kind::octets; }  // by the client
};

struct Transcript {
  std::string name;
  frames::ListenerTls tls = frames::ListenerTls::starttls;
  mail::AuthPolicy auth = mail::AuthPolicy::optional;
  bool is_stranger = false;  // the client is not in mynetworks
  std::uint64_t size = 1'000'000;
  std::uint32_t recipients = 100;
  frames::Admission admission{true, 1'000'000, {}};
  std::vector<Step> steps;
};

/// All transcripts of the folder `transcripts`, in the order of their names. Throws where one is malformed.
std::vector<Transcript> read_transcripts();

bool matches(std::string_view line, std::string_view pattern);

/// The networks of the server that plays it, for a client that is 127.0.0.1.
std::vector<mail::Network> networks_of(const Transcript& transcript);

}  // namespace postern::smtpd
