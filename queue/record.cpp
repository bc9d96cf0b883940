#include "queue/record.h"

#include "net/codec.h"

namespace postern::queue {

std::string message_front(const MessageHead& head) {
  const std::string encoded = net::encode(head);
  return net::encode(static_cast<std::uint32_t>(encoded.size())) + encoded;
}

std::optional<MessagePayload> parse_message(std::string_view payload) {
  const auto length = net::decode<std::uint32_t>(payload.substr(0, 4));
  if (!length || *length > payload.size() - 4) return std::nullopt;
  auto head = net::decode<MessageHead>(payload.substr(4, *length));
  if (!head) return std::nullopt;
  const auto content = payload.substr(4 + *length);
  if (content.size() != (head->is_in_file ? 0 : head->size)) return std::nullopt;
  return MessagePayload{std::move(*head), content};
}

}  // namespace postern::queue
