#include "relaytest/message.h"

#include <fmt/format.h>

#include <algorithm>

#include "mail/ascii.h"
#include "mail/date.h"
#include "mail/mailbox.h"
#include "relaytest/token.h"

namespace postern::relaytest {
namespace {

constexpr std::size_t width = 72;  // octets of a line of text, where words allow it

/// What the user told us, on one line and in ASCII.
std::string one_line(const std::string& text) { return mail::printable(text); }

/// Appends a paragraph and an empty line behind it.
void add_paragraph(std::string& out, std::string_view text) {
  std::size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > 0 && column + 1 + word.size() > width) {
      out += "\r\n";
      column = 0;
    }
    if (column > 0) out += ' ';
    // A dot at a line's beginning is the protocol's (RFC 5321, 4.5.2).
    if (column == 0 && word.starts_with('.')) out += ' ';
    out += word;
    column += 1 + word.size();
  }
  out += "\r\n\r\n";
}

std::string header_of(const Run& run, const std::string& trick, const std::string& token,
                      const std::string& to, system_clock::time_point now) {
  const std::string sender = one_line(run.sender);
  const std::size_t at = std::min(sender.rfind('@'), sender.size());
  const std::string origin = at == sender.size() ? one_line(run.us) : sender.substr(at + 1);
  return fmt::format(
      "From: Postern relay test <{}>\r\n"
      "To: <{}>\r\n"
      "Subject: Relay test of {}: {}\r\n"
      "Date: {}\r\n"
      "Message-ID: <{}@{}>\r\n"
      "{}: {}\r\n"
      "Auto-Submitted: auto-generated\r\n"
      "MIME-Version: 1.0\r\n"
      "Content-Type: text/plain; charset=us-ascii\r\n"
      "Content-Transfer-Encoding: 7bit\r\n"
      "\r\n",
      sender, one_line(to), one_line(run.target), trick, mail::date_text(now), token, origin,
      token_field, token);
}

std::string text_of(const Run& run, const Door& door, const Trick& trick) {
  std::string text;
  const std::string contact = one_line(run.contact.empty() ? run.sender : run.contact);
  add_paragraph(text,
                fmt::format("This message tests whether the mail server {} ({}) passes on mail "
                            "from strangers to strangers: whether it is an open relay.",
                            one_line(run.target), one_line(door.label)));
  add_paragraph(
      text, fmt::format("It is addressed to {}, a mailbox of the tester. If it arrives there, the "
                        "server relays. Nobody has to do anything about it.",
                        one_line(run.mailbox)));
  add_paragraph(
      text, fmt::format("If you are not the owner of that mailbox and read this nevertheless, it "
                        "went astray: nothing is wrong with your computer. Please tell {}, who "
                        "runs this test and can stop it.",
                        contact));
  add_paragraph(text, fmt::format("Run: {}", run.id));
  add_paragraph(text, fmt::format("Trick: {}. {}", trick.name, trick.reason));
  add_paragraph(text, fmt::format("Source: {}", trick.source));
  text += "Sent by postern relay-test.\r\n";
  return text;
}

/// A whole transaction in one text, as it is to be understood by a server that sees the end of a message before it.
std::string hidden_message(const Run& run, const Door& door, const ProbeResult& probe,
                           const Trick& trick, system_clock::time_point now) {
  return fmt::format("MAIL FROM:<{}>\r\nRCPT TO:<{}>\r\nDATA\r\n", run.sender, run.mailbox) +
         header_of(run, probe.trick, probe.token, run.mailbox, now) + text_of(run, door, trick);
}

}  // namespace

std::string content_of(const Run& run, const Door& door, const ProbeResult& probe,
                       const Trick& trick, system_clock::time_point now) {
  if (trick.kind != Kind::smuggling) {
    return header_of(run, probe.trick, probe.token, run.mailbox, now) + text_of(run, door, trick);
  }
  const std::string& carrier = run.carrier.empty() ? run.mailbox : run.carrier;
  std::string content =
      header_of(run, probe.trick, probe.carrier_token, carrier, now) + text_of(run, door, trick);
  add_paragraph(
      content,
      "Behind this line stands a second message. Your server is right if it shows it here, as "
      "text of this one.");
  content += "The second message:";
  content += trick.ending;
  return content + hidden_message(run, door, probe, trick, now);
}

}  // namespace postern::relaytest
