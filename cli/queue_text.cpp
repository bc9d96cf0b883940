#include "queue_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "foreign_text.h"

namespace postern::cli {
namespace {

using frames::QueuedAttempt;
using frames::QueuedMessage;
using frames::QueuedRecipient;
using frames::RecipientState;

std::string words(std::string_view remote, std::string_view reply) {
  if (remote.empty()) return fmt::format("({})", printable(reply));
  return fmt::format("{} said: {}", printable(remote), printable(reply));
}

std::string recipient_text(const QueuedRecipient& recipient) {
  std::string text = fmt::format("    {:<10} {}  via {}, attempts {}", name_of(recipient.state),
                                 printable(recipient.mailbox.text()),
                                 printable(recipient.destination), recipient.attempts);
  if (recipient.state == RecipientState::waiting)
    text += fmt::format(", next {}", time_text(recipient.next_attempt));
  text += '\n';
  if (!recipient.last_answer.empty())
    text += fmt::format("               {}\n", words(recipient.remote, recipient.last_answer));
  return text;
}

std::string wishes_text(const mail::Recipient& recipient) {
  std::string text;
  if (const std::string notify = notify_text(recipient.notify); !notify.empty())
    text += " NOTIFY=" + notify;
  if (!recipient.original.empty()) text += " ORCPT=" + printable(recipient.original);
  return text.empty() ? text : fmt::format("              {}\n", text);
}

std::string row(std::string_view name, const std::string& value) {
  return value.empty() ? value : fmt::format("{:<10} {}\n", name, printable(value));
}

std::string origin_text(const mail::Origin& origin) {
  if (origin.client.empty()) return row("written by", "Postern: it reports about another message");
  return row("client", fmt::format("{} ({}), {}", origin.client, origin.helo,
                                   origin.tls.empty() ? "without TLS" : origin.tls)) +
         row("let in by", origin.login.empty() ? "mynetworks" : "login " + origin.login);
}

std::string wishes_text(const mail::Envelope& envelope) {
  std::string text;
  if (const auto ret = return_text(envelope.dsn.ret); !ret.empty())
    text += fmt::format("RET={} ", ret);
  if (!envelope.dsn.envelope_id.empty()) text += "ENVID=" + envelope.dsn.envelope_id;
  return text;
}

std::string attempt_text(const QueuedMessage& message, const QueuedAttempt& attempt) {
  const bool is_known = attempt.recipient < message.recipients.size();
  return fmt::format(
      "    {}  {}  attempt {}\n               {}\n", time_text(attempt.time),
      is_known ? printable(message.recipients[attempt.recipient].mailbox.text()) : "?",
      attempt.attempts, words(attempt.remote, attempt.reply));
}

}  // namespace

std::string_view name_of(RecipientState state) {
  switch (state) {
    case RecipientState::waiting:
      return "waiting";
    case RecipientState::leased:
      return "delivering";
    case RecipientState::delivered:
      return "delivered";
    case RecipientState::bounced:
      return "bounced";
    case RecipientState::held:
      return "held";
    default:
      return "deleted";
  }
}

std::string time_text(frames::system_clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(frames::system_clock::to_time_t(time)));
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string summary_text(const QueuedMessage& message) {
  std::string text =
      fmt::format("{}  {}  {:>9} bytes  from {}", message.id.text(), time_text(message.arrival),
                  message.size, printable(mail::text_of(message.envelope.reverse_path)));
  if (!message.envelope.origin.login.empty())
    text += fmt::format("  login {}", printable(message.envelope.origin.login));
  text += '\n';
  for (const QueuedRecipient& recipient : message.recipients) text += recipient_text(recipient);
  const std::size_t all = message.envelope.recipients.size();
  if (all > message.recipients.size()) {
    text += fmt::format("    and {}, whom this does not concern\n",
                        counted(all - message.recipients.size(), "other recipient"));
  }
  return text;
}

std::string whole_text(const QueuedMessage& message) {
  const mail::Envelope& envelope = message.envelope;
  std::string text = row("id", message.id.text()) + row("arrival", time_text(message.arrival)) +
                     row("size", fmt::format("{} bytes", message.size)) +
                     row("from", mail::text_of(envelope.reverse_path)) +
                     row("wishes", wishes_text(envelope)) + origin_text(envelope.origin);
  if (envelope.body == mail::BodyType::eight_bit || envelope.needs_utf8) {
    text +=
        row("needs", std::string(envelope.body == mail::BodyType::eight_bit ? "8BITMIME " : "") +
                         (envelope.needs_utf8 ? "SMTPUTF8" : ""));
  }
  text += fmt::format("\n{}\n", counted(message.recipients.size(), "recipient"));
  for (std::size_t i = 0; i < message.recipients.size(); ++i) {
    text += recipient_text(message.recipients[i]);
    if (i < envelope.recipients.size()) text += wishes_text(envelope.recipients[i]);
    const auto forgotten = forgotten_attempts(message, static_cast<std::uint32_t>(i));
    if (forgotten > 0)
      text += fmt::format("               (its first {} {} no longer kept)\n",
                          counted(forgotten, "attempt"), forgotten == 1 ? "is" : "are");
  }
  if (!message.attempts.empty()) text += "\nattempts, oldest first\n";
  for (const QueuedAttempt& attempt : message.attempts) text += attempt_text(message, attempt);
  return text + fmt::format("\nheader section\n{}", printable(message.header));
}

std::uint32_t forgotten_attempts(const QueuedMessage& message, std::uint32_t recipient) {
  std::uint32_t first = message.recipients.at(recipient).attempts + 1;
  for (const QueuedAttempt& attempt : message.attempts) {
    // The first that is shown has its number, or, where it did not count as one, the number of those before it.
    if (attempt.recipient == recipient) first = std::min(first, std::max(attempt.attempts, 1U));
  }
  return first - 1;
}

std::string notify_text(const mail::Notify& notify) {
  if (notify.never) return "NEVER";
  std::string text;
  const auto add = [&](bool is_wanted, std::string_view word) {
    if (is_wanted) text += (text.empty() ? "" : ",") + std::string(word);
  };
  add(notify.success, "SUCCESS");
  add(notify.failure, "FAILURE");
  add(notify.delay, "DELAY");
  return text;
}

std::string_view return_text(mail::Return ret) {
  if (ret == mail::Return::unsaid) return {};
  return ret == mail::Return::full ? "FULL" : "HDRS";
}

}  // namespace postern::cli
