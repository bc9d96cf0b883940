// The parts of a content and the addresses of its header: whatever they are, what comes out can be sent, means the same
// however it came in, and is left alone from then on.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "mail/address_list.h"
#include "mail/ascii.h"
#include "mail/folding.h"
#include "mail/transport_encoder.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

// As ContentReader gives it on: CRLF ends each line, and there is no other CR or LF. An octet for a hundred of them, so that
// short inputs reach long lines.
std::string content_of(std::string_view input) {
  std::string content;
  for (char c : input) {
    if (c == '\n') {
      content += "\r\n";
    } else if (c == '\x01') {
      content += std::string(100, 'x');
    } else if (c != '\r' && c != '\0') {
      content += c;
    }
  }
  if (!content.empty() && !content.ends_with("\r\n")) content += "\r\n";
  return content;
}

struct Encoded {
  std::string content;
  std::string refusal;
};

Encoded encode(std::string_view content, mail::Transport transport, std::size_t piece) {
  mail::TransportEncoder encoder(transport);
  Encoded encoded;
  for (; !content.empty(); content.remove_prefix(std::min(piece, content.size()))) {
    encoder.feed(content.substr(0, piece), encoded.content);
  }
  encoder.finish(encoded.content);
  encoded.refusal = encoder.refusal();
  return encoded;
}

bool has_eight_bit_body(std::string_view content) {
  const auto body = content.starts_with("\r\n") ? 0 : content.find("\r\n\r\n");
  return body != std::string_view::npos &&
         !std::ranges::all_of(content.substr(body), mail::is_ascii);
}

void check_encoding(std::string_view content, mail::Transport transport) {
  const Encoded whole = encode(content, transport, content.size());
  const Encoded split = encode(content, transport, 7);
  require(whole.refusal == split.refusal, "packets change no refusal");
  if (!whole.refusal.empty()) return;
  require(whole.content == split.content, "packets change nothing");
  require(!mail::has_long_line(whole.content), "every line can be sent");
  require(whole.content.empty() || whole.content.ends_with("\r\n"),
          "a content ends with a line end");
  const bool had_to = mail::has_long_line(content) ||
                      (transport == mail::Transport::seven_bit && has_eight_bit_body(content));
  require(had_to || whole.content == content, "what fits is left alone");
  const Encoded again = encode(whole.content, transport, whole.content.size());
  require(again.refusal.empty() && again.content == whole.content, "what was made to fit, fits");
}

void check_addresses(std::string_view value) {
  const auto addresses = mail::parse_address_list(value);
  if (!addresses) return;
  std::size_t last = 0;
  for (const auto& address : *addresses) {
    require(!address.text.empty() && address.end > last && address.end <= value.size(),
            "addresses stand one behind the other");
    last = address.end;
  }
  const auto qualified = mail::qualify(value, *addresses, "d.example");
  const auto again = mail::parse_address_list(qualified);
  require(again && again->size() == addresses->size(), "a qualified list is a list of as many");
  for (const auto& address : *again) {
    require(address.has_domain || address.text.starts_with("=?"),
            "qualified addresses have domains");
  }
  const auto spread = mail::parse_address_list(mail::spread(value, *addresses));
  require(spread && spread->size() == addresses->size(), "spaces change no address");
}

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::string content = postern::fuzz::content_of(input);
  postern::fuzz::check_encoding(content, postern::mail::Transport::eight_bit);
  postern::fuzz::check_encoding(content, postern::mail::Transport::seven_bit);
  postern::fuzz::check_addresses(input);
  return 0;
}
