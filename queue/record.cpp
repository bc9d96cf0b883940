#include "queue/record.h"

#include <utility>

#include "net/codec.h"

namespace postern::queue {

namespace {

// The front of a message record of version 1, field by field.
struct OldEnvelope {
  mail::Seal seal;
  mail::Origin origin;
  mail::ReversePath reverse_path;
  std::vector<mail::Mailbox> recipients;
  mail::BodyType body = mail::BodyType::seven_bit;
};
struct OldHead {
  OldEnvelope envelope;
  std::chrono::system_clock::time_point arrival;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  bool is_in_file = false;
  std::optional<Update> reports;
};

std::optional<MessageHead> decode_old(std::string_view bytes) {
  auto old = net::decode<OldHead>(bytes);
  if (!old) return std::nullopt;
  OldEnvelope& from = old->envelope;
  mail::Envelope envelope{
      from.seal, std::move(from.origin), std::move(from.reverse_path), {}, from.body};
  for (mail::Mailbox& mailbox : from.recipients) {
    envelope.recipients.push_back({std::move(mailbox)});
  }
  return MessageHead{std::move(envelope), old->arrival,           old->size, old->crc,
                     old->is_in_file,     std::move(old->reports)};
}

std::optional<MessageHead> decode_head(RecordType type, std::string_view bytes) {
  if (type == RecordType::message) return net::decode<MessageHead>(bytes);
  return type == RecordType::old_message ? decode_old(bytes) : std::nullopt;
}

}  // namespace

std::string message_front(const MessageHead& head) {
  const std::string encoded = net::encode(head);
  return net::encode(static_cast<std::uint32_t>(encoded.size())) + encoded;
}

std::optional<MessagePayload> parse_message(RecordType type, std::string_view payload) {
  const auto length = net::decode<std::uint32_t>(payload.substr(0, 4));
  if (!length || *length > payload.size() - 4) return std::nullopt;
  auto head = decode_head(type, payload.substr(4, *length));
  if (!head) return std::nullopt;
  const auto content = payload.substr(4 + *length);
  if (content.size() != (head->is_in_file ? 0 : head->size)) return std::nullopt;
  return MessagePayload{std::move(*head), content};
}

}  // namespace postern::queue
