// The tricks by which mail servers have been made to relay for strangers, from the nineties until today: as data. A new trick
// is a new row in catalogue.cpp, and nothing else.
//
// The text of a command has placeholders in braces; `Script` fills them in for one target:
//   {us}       the name that we give in EHLO          {sender}   the tester's reverse-path; bounces go there
//   {mailbox}  where a relayed message comes back     {user} {domain}  its two parts
//   {DOMAIN} {wide-domain}  the domain in upper case; with ideographic full stops (U+3002) for dots
//   {server}   the target's name                      {server-domain}  the name without its first label
//   {literal}  the target's address: `[192.0.2.1]`, `[IPv6:2001:db8::1]`
//   {ip} {family}  the same without brackets; TCP4 or TCP6
//   {loopback}  127.0.0.1 or ::1, of the same family
//   {nobody}   a local-part that no server has, so that what is sent to it reaches nobody
//   {long}     300 letters: more than a path may have; {longer} 2000: more than a line may have (RFC 5321, 4.5.3.1)
// `{mailbox}` is the only address at which anything can arrive: whatever a trick wraps around it must lead there, or to nobody
// at the target itself. A recipient is never at `{server-domain}`: its MX may be somebody else.
#pragma once

#include <span>
#include <string_view>

namespace postern::relaytest {

enum class Kind {
  message,  // a whole message to our mailbox
  smuggling,  // a message that hides a second one in its content; the second one has a token of its own
  question,  // VRFY or EXPN: no message; what is disclosed is a remark
};

struct Trick {
  std::string_view name;    // unique: `percent-hack`
  std::string_view group;   // what it plays with, for reports: `sender`, `recipient`, `claim`, ...
  std::string_view reason;  // why a server falls for it: one sentence
  std::string_view source;  // where it is from: RFC and section, CVE, the tester that had it
  Kind kind = Kind::message;
  std::string_view preface = {};  // sent as soon as the connection stands, before the greeting
  std::string_view hello = "EHLO {us}";
  bool starttls = false;  // encrypts first; where that is not offered, the trick is not tried
  std::string_view behind_starttls =
      {};  // sent in clear in one piece with STARTTLS, with its line ends
  // Commands before MAIL, one a line; what is answered to them decides nothing. A line that begins with `|` is said only when
  // the one before was answered 334: it is what AUTH asked for.
  std::string_view claim = {};
  std::string_view mail_verb = "MAIL FROM:";
  std::string_view from = "<{sender}>";  // behind it, with its parameters
  // A recipient before ours, in the same way; what is answered decides nothing.
  std::string_view also_to = {};
  std::string_view rcpt_verb = "RCPT TO:";
  std::string_view to = "<{mailbox}>";  // behind it, with its parameters
  // BDAT instead of DATA (RFC 3030); where that is not offered, the trick is not tried.
  bool chunking = false;
  std::string_view ending = {};    // smuggling: what the server may take for the end of the content
  std::string_view question = {};  // the command itself
  // What is sent here breaks the protocol so badly that to hang up without a word is a refusal as good as any.
  bool is_rude = false;
};

/// All of them, the rude ones last, so that a server that has enough of us has answered the others.
[[nodiscard]] std::span<const Trick> catalogue();

/// Null: there is none of that name (it is from a run of another version).
[[nodiscard]] const Trick* find_trick(std::string_view name);

}  // namespace postern::relaytest
