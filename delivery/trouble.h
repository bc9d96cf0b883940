// What keeps a hop from taking a message, other than its answer about the recipients.
#pragma once

#include <string>

#include "mail/reply.h"

namespace postern::delivery {

struct Trouble {
  enum class Kind {
    unreachable,  // no session: no connection, no greeting, 421, ...: the next hop may be there
    no_tls,       // the handshake failed, where TLS was only an opportunity
    route,  // our password, or the relayhost's certificate, was refused: its configuration is to be looked at
    broken,  // the session broke in a transaction, before its final dot: perhaps by this very message
    unsuited,  // the hop cannot take this message (its size, its octets); another one may
    loop,      // the hop is ourselves
    damaged,   // the content is not what was put into the spool
  };
  Kind kind = Kind::unreachable;
  mail::Reply reply;       // for the recipients, should it come to that
  std::string words;       // for the log: who, when, what
  std::string remote{};  // the hop whose reply it is; empty: the reply is ours
};

}  // namespace postern::delivery
