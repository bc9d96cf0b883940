#include "smtpd/sender_binding.h"

#include "mail/ascii.h"

namespace postern::smtpd {
namespace {

constexpr std::size_t max_quoted = 100;  // octets of an address in a reply

mail::Reply malformed(const std::string& reason) {
  return {550, {5, 6, 0}, "The From field of the message is malformed: " + mail::printable(reason)};
}

mail::Reply not_its_own(const mail::Identity& identity, const std::string& address) {
  return {550,
          {5, 7, 1},
          "The From field has " + mail::printable(address.substr(0, max_quoted)) +
              ", which is no address of the login " +
              mail::printable(identity.login.substr(0, max_quoted)) +
              ": write from an address of its own, or ask the administrator to allow this one"};
}

}  // namespace

std::optional<mail::Reply> refusal_of_authors(
    const mail::Identity& identity, const mail::Parsed<std::vector<mail::ListedAddress>>& authors) {
  if (identity.any_sender) return std::nullopt;
  if (!authors) return malformed(authors.error().reason);
  if (authors->empty()) return malformed("it names nobody");
  for (const mail::ListedAddress& author : *authors) {
    const auto mailbox = mail::Mailbox::parse(author.text);
    if (!mailbox) return malformed(mailbox.error().reason);
    if (!identity.may_send_as(*mailbox)) return not_its_own(identity, author.text);
    if (author.has_rival)
      return malformed("in front of <" + author.text.substr(0, max_quoted) +
                       "> stands another address: put it in quotes");
  }
  return std::nullopt;
}

}  // namespace postern::smtpd
