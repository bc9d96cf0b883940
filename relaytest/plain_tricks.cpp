#include "relaytest/tricks.h"

namespace postern::relaytest {
namespace {

constexpr Trick tricks[] = {
    {.name = "plain",
     .group = "plain",
     .reason = "The server relays for everybody, as all servers did until the mid-nineties.",
     .source = "CVE-1999-0512; RFC 2505, 2.1; relay-test.mail-abuse.org"},
    {.name = "helo",
     .group = "plain",
     .reason = "The restrictions hang on EHLO, and an old-fashioned HELO goes past them.",
     .source = "RFC 5321, 4.1.1.1",
     .hello = "HELO {us}"},
    {.name = "no-hello",
     .group = "plain",
     .reason = "The restrictions are looked up when a client names itself, and one that does not "
               "goes past them.",
     .source = "RFC 5321, 4.1.4",
     .hello = ""},
    {.name = "hello-localhost",
     .group = "plain",
     .reason = "A client that names itself localhost is taken for the server itself.",
     .source = "Postfix SMTPD_ACCESS_README, dangerous use of restrictions",
     .hello = "EHLO localhost"},
    {.name = "hello-server",
     .group = "plain",
     .reason = "A client that has the server's own name is taken for the server itself.",
     .source = "Postfix SMTPD_ACCESS_README, dangerous use of restrictions",
     .hello = "EHLO {server}"},
    {.name = "hello-literal",
     .group = "plain",
     .reason = "A client that has the server's own address is taken for the server itself.",
     .source = "RFC 5321, 4.1.3; Postfix SMTPD_ACCESS_README",
     .hello = "EHLO {literal}"},
    {.name = "after-rset",
     .group = "plain",
     .reason = "RSET leaves behind that an earlier recipient was allowed.",
     .source = "RFC 5321, 4.1.1.5",
     .claim = "MAIL FROM:<{sender}>\nRCPT TO:<postmaster@{server}>\nRSET"},
    {.name = "two-recipients",
     .group = "plain",
     .reason = "Once a local recipient was accepted, the next one is not looked at.",
     .source = "RFC 5321, 3.3; RFC 2505, 2.1",
     .also_to = "<{nobody}@{server}>"},
    {.name = "saml",
     .group = "plain",
     .reason = "The restrictions hang on MAIL, and a forgotten SAML goes past them.",
     .source = "RFC 821, 3.4",
     .mail_verb = "SAML FROM:"},
    {.name = "bdat",
     .group = "plain",
     .reason =
         "The recipients are looked at again only in the handler of DATA, and BDAT goes past it.",
     .source = "RFC 3030, 2",
     .chunking = true},
    {.name = "size-and-body",
     .group = "plain",
     .reason = "The rule compares the whole argument, and parameters behind the address make it "
               "another one.",
     .source = "RFC 1870; RFC 6152",
     .from = "<{sender}> SIZE=1000 BODY=8BITMIME"},
};

}  // namespace

std::span<const Trick> plain_tricks() { return tricks; }

}  // namespace postern::relaytest
