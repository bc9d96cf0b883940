#include "auth/user.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace postern::auth {
namespace {

constexpr std::string_view sender_prefix = "sender=";

std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

/// Sets what `attribute` says; or why it cannot be.
std::optional<mail::SyntaxError> apply(std::string_view attribute, User& user) {
  if (attribute == "disabled") {
    user.is_disabled = true;
  } else if (attribute == "any-sender") {
    user.any_sender = true;
  } else if (attribute.starts_with(sender_prefix)) {
    auto sender = mail::Mailbox::parse(attribute.substr(sender_prefix.size()));
    if (!sender) return mail::SyntaxError{"a sender is no address: " + sender.error().reason};
    if (user.senders.size() == max_senders) return mail::SyntaxError{"too many senders"};
    user.senders.push_back(std::move(*sender));
  } else {
    return mail::SyntaxError{"an attribute is not disabled, any-sender or sender=ADDRESS"};
  }
  return std::nullopt;
}

}  // namespace

bool is_user_name(std::string_view name) {
  const auto is_allowed = [](char c) { return c > ' ' && c <= '~' && c != ':'; };
  return !name.empty() && name.size() <= max_user_name && name.front() != '#' &&
         std::all_of(name.begin(), name.end(), is_allowed);
}

mail::Parsed<User> User::parse(std::string_view line) {
  const std::string_view name = take_word(line);
  if (!is_user_name(name)) return mail::SyntaxError{"the line does not begin with a user name"};
  auto verifier = Verifier::parse(take_word(line));
  if (!verifier) return verifier.error();
  User user{.name = std::string(name), .verifier = std::move(*verifier)};
  while (!line.empty()) {
    if (auto error = apply(take_word(line), user)) return *error;
  }
  return user;
}

mail::Identity User::identity(std::string_view domain) const {
  mail::Identity identity{name, senders, any_sender};
  mail::Parsed<mail::Mailbox> own = mail::Mailbox::parse(name);
  if (!own) own = mail::Mailbox::parse(fmt::format("{}@{}", name, domain));
  if (own) identity.senders.push_back(std::move(*own));
  return identity;
}

std::string User::text() const {
  std::string line = fmt::format("{} {}", name, verifier.text());
  if (is_disabled) line += " disabled";
  if (any_sender) line += " any-sender";
  for (const mail::Mailbox& sender : senders)
    line += fmt::format(" {}{}", sender_prefix, sender.text());
  return line;
}

}  // namespace postern::auth
