// The envelope: who sends a message, to whom, and how it came in (RFC 5321, 2.3.1).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mail/dsn.h"
#include "mail/mailbox.h"
#include "mail/relay_permit.h"

namespace postern::net {
class Decoder;
}

namespace postern::mail {

/// What the client said its content is made of (RFC 6152).
enum class BodyType : std::uint8_t { seven_bit, eight_bit, last = eight_bit };

/// How a message came in: for the log and for whoever looks into the queue. Empty in reports that Postern wrote itself.
struct Origin {
  std::string client;  // IP address
  std::string helo;
  std::string login;  // empty: let in by mynetworks
  std::string tls;    // e.g. `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty: none
};

/// One of those whom a message is for.
struct Recipient {
  Mailbox mailbox;
  Notify notify{};
  std::string
      original{};  // ORCPT (RFC 3461, 4.2), `rfc822;Bob@b.example` in xtext as it came; empty: none
};

struct Envelope;

/// Part of every envelope, so that nobody can write one down: only the two functions below make it, and the decoder, for
/// envelopes that one of them made before they went over a channel or to disk.
class Seal {
  Seal() = default;
  friend Envelope envelope_of(const RelayPermit&, std::string, std::string, ReversePath, BodyType);
  friend Envelope envelope_of_report(Mailbox);
  friend class net::Decoder;
};

struct Envelope {
  Seal seal;
  Origin origin;
  ReversePath reverse_path;
  std::vector<Recipient> recipients;
  BodyType body = BodyType::seven_bit;
  bool needs_utf8 =
      false;  // an address or the header section is not ASCII: for hops with SMTPUTF8 only (RFC 6531)
  DsnOptions dsn{};
};

/// The envelope of a message from a client with a permit, still without recipients.
[[nodiscard]] Envelope envelope_of(const RelayPermit& permit, std::string helo, std::string tls,
                                   ReversePath reverse_path, BodyType body);

/// The envelope of a report that Postern itself sends: from `<>`, to the sender of the message that it is about.
[[nodiscard]] Envelope envelope_of_report(Mailbox to);

}  // namespace postern::mail
