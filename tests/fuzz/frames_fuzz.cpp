// Frames: a role never trusts another. Whatever decodes encodes to bytes that decode to the same. The first byte of the input
// chooses the conversation, as an index into `conversations`; the rest is the payload.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/codec.h"
#include "net/frames.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

using Fds = std::vector<net::Fd>;

// Descriptors come beside the payload, here as many as any frame can have; that they are closed is all one to the decoder.
template <class T>
std::optional<T> decode(std::string_view bytes) {
  Fds fds(8);
  net::Decoder decoder(bytes, fds);
  T value = decoder.get_new<T>();
  if (!decoder.is_whole()) return std::nullopt;
  return value;
}

template <class T>
std::string encode(T& value) {
  Fds fds;
  std::string bytes;
  net::Encoder(bytes, &fds).put(value);
  return bytes;
}

// Not the input itself: there are several ways to write a boolean, a mailbox or an address, and one that we write.
template <class T>
void check(std::string_view bytes) {
  auto value = decode<T>(bytes);
  if (!value) return;
  const auto encoded = encode(*value);
  auto again = decode<T>(encoded);
  require(again.has_value(), "what was encoded decodes");
  require(encode(*again) == encoded, "and is the same");
}

constexpr void (*conversations[])(std::string_view) = {
    check<frames::ToSupervisor>,    check<frames::ToSmtpd>,        check<frames::ToAuth>,
    check<frames::ToQueue>,         check<frames::ToDelivery>,     check<frames::SmtpdToQueue>,
    check<frames::QueueToSmtpd>,    check<frames::SmtpdToAuth>,    check<frames::AuthToSmtpd>,
    check<frames::DeliveryToAuth>,  check<frames::AuthToDelivery>, check<frames::QueueToDelivery>,
    check<frames::DeliveryToQueue>, check<frames::ToControl>,      check<frames::FromControl>,
};

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::fuzz::conversations;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const auto chosen = static_cast<std::uint8_t>(input.front()) % std::size(conversations);
  conversations[chosen](input.substr(1));
  return 0;
}
