#include "queue_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <concepts>
#include <string_view>
#include <vector>

#include "foreign_text.h"
#include "queue_text.h"

namespace postern::cli {
namespace {

using frames::QueuedAttempt;
using frames::QueuedMessage;
using frames::QueuedRecipient;

class Object {
 public:
  Object& add(std::string_view key, std::string_view text) { return put(key, json_string(text)); }
  Object& add(std::string_view key, bool is_so) { return put(key, is_so ? "true" : "false"); }
  Object& add(std::string_view key, std::unsigned_integral auto number) {
    return put(key, fmt::format("{}", number));
  }
  Object& add(std::string_view key, const std::vector<std::string>& objects) {
    return put(key, fmt::format("[{}]", fmt::join(objects, ",")));
  }
  Object& add_null(std::string_view key) { return put(key, "null"); }
  [[nodiscard]] std::string text() const { return "{" + members_ + "}"; }

 private:
  Object& put(std::string_view key, std::string_view value) {
    members_ += fmt::format("{}\"{}\":{}", members_.empty() ? "" : ",", key, value);
    return *this;
  }
  std::string members_;
};

Object summary_of(const QueuedRecipient& recipient) {
  Object object;
  object.add("recipient", recipient.mailbox.text())
      .add("state", name_of(recipient.state))
      .add("destination", recipient.destination)
      .add("attempts", recipient.attempts);
  if (recipient.state == frames::RecipientState::waiting) {
    object.add("next_attempt", time_text(recipient.next_attempt));
  } else {
    object.add_null("next_attempt");
  }
  return object.add("remote", recipient.remote).add("last_answer", recipient.last_answer);
}

Object summary_of(const QueuedMessage& message) {
  const mail::Envelope& envelope = message.envelope;
  const mail::Origin& origin = envelope.origin;
  Object object;
  return object.add("id", message.id.text())
      .add("arrival", time_text(message.arrival))
      .add("size", message.size)
      .add("from", envelope.reverse_path ? envelope.reverse_path->text() : std::string())
      .add("client", origin.client)
      .add("helo", origin.helo)
      .add("tls", origin.tls)
      .add("login", origin.login)
      .add("other_recipients", envelope.recipients.size() - message.recipients.size());
}

std::string json_of(const QueuedAttempt& attempt) {
  return Object()
      .add("time", time_text(attempt.time))
      .add("attempt", attempt.attempts)
      .add("state", name_of(attempt.state))
      .add("remote", attempt.remote)
      .add("answer", attempt.reply)
      .text();
}

std::string whole_of(const QueuedMessage& message, std::uint32_t index) {
  const mail::Recipient& wishes = message.envelope.recipients.at(index);
  std::vector<std::string> history;
  for (const QueuedAttempt& attempt : message.attempts) {
    if (attempt.recipient == index) history.push_back(json_of(attempt));
  }
  return summary_of(message.recipients[index])
      .add("notify", notify_text(wishes.notify))
      .add("orcpt", wishes.original)
      .add("forgotten_attempts", forgotten_attempts(message, index))
      .add("history", history)
      .text();
}

}  // namespace

std::string summary_json(const QueuedMessage& message) {
  std::vector<std::string> recipients;
  for (const QueuedRecipient& recipient : message.recipients)
    recipients.push_back(summary_of(recipient).text());
  return summary_of(message).add("recipients", recipients).text();
}

std::string whole_json(const QueuedMessage& message) {
  const mail::Envelope& envelope = message.envelope;
  std::vector<std::string> recipients;
  for (std::uint32_t i = 0; i < message.recipients.size(); ++i)
    recipients.push_back(whole_of(message, i));
  return summary_of(message)
      .add("envid", envelope.dsn.envelope_id)
      .add("ret", return_text(envelope.dsn.ret))
      .add("eight_bit", envelope.body == mail::BodyType::eight_bit)
      .add("smtputf8", envelope.needs_utf8)
      .add("recipients", recipients)
      .add("header", message.header)
      .text();
}

}  // namespace postern::cli
