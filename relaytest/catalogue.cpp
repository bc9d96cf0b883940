#include "relaytest/catalogue.h"

#include <algorithm>

namespace postern::relaytest {
namespace {

constexpr Trick tricks[] = {
    {.name = "plain",
     .group = "plain",
     .reason = "The server relays for everybody, as all servers did until the mid-nineties.",
     .source = "RFC 2505, 2.1; relay-test.mail-abuse.org"},
    {.name = "helo",
     .group = "plain",
     .reason = "Restrictions are tied to EHLO, and an old-fashioned HELO goes past them.",
     .source = "RFC 5321, 4.1.1.1",
     .hello = "HELO {us}"},
    {.name = "sender-null",
     .group = "sender",
     .reason = "Bounces must be taken from anybody, and the rule for it forgets to look at the "
               "recipient.",
     .source = "RFC 2505, 2.6.1; abuse.net relay test",
     .from = "<>"},
    {.name = "sender-server",
     .group = "sender",
     .reason = "A sender at the server itself is taken for a local user.",
     .source = "RFC 2505, 2.6.2; abuse.net relay test",
     .from = "<{nobody}@{server}>"},
    {.name = "sender-domain",
     .group = "sender",
     .reason = "A sender in the server's domain is taken for a local user.",
     .source = "RFC 2505, 2.6.2; relay-test.mail-abuse.org",
     .from = "<{nobody}@{server-domain}>"},
    {.name = "percent-hack",
     .group = "recipient",
     .reason = "The server turns user%domain at itself into user@domain, after it has found the "
               "recipient local.",
     .source = "RFC 1123, 5.2.16; abuse.net relay test",
     .to = "<{user}%{domain}@{server}>"},
    {.name = "two-ats",
     .group = "recipient",
     .reason = "What stands behind the last @ is local, what is left in front of it is a foreign "
               "address.",
     .source = "abuse.net relay test; nmap smtp-open-relay",
     .to = "<{mailbox}@{server}>"},
    {.name = "source-route",
     .group = "recipient",
     .reason = "The route names the server first, so that the recipient seems to be its own.",
     .source = "RFC 5321, C; abuse.net relay test",
     .to = "<@{server}:{mailbox}>"},
    {.name = "after-starttls",
     .group = "tls",
     .reason = "Whoever encrypts is taken for one of ours.",
     .source = "RFC 3207, 6",
     .starttls = true},
    {.name = "smuggle-lf-dot-lf",
     .group = "smuggling",
     .reason = "A dot between bare line feeds ends the message, and what follows are commands.",
     .source = "CVE-2023-51764; SEC Consult, SMTP smuggling",
     .kind = Kind::smuggling,
     .ending = "\n.\n"},
    {.name = "vrfy",
     .group = "question",
     .reason = "The server tells strangers which of its addresses exist.",
     .source = "RFC 5321, 3.5.3 and 7.3",
     .kind = Kind::question,
     .question = "VRFY postmaster"},
    {.name = "proxy-v1",
     .group = "claim",
     .reason = "The server believes a PROXY line of anybody, and it says that the client is local.",
     .source = "HAProxy, The PROXY protocol, 2.1",
     .preface = "PROXY {family} {loopback} {ip} 40000 25\r\n",
     .is_rude = true},
};

}  // namespace

std::span<const Trick> catalogue() { return tricks; }

const Trick* find_trick(std::string_view name) {
  const auto* const trick = std::ranges::find(tricks, name, &Trick::name);
  return trick == std::end(tricks) ? nullptr : trick;
}

}  // namespace postern::relaytest
