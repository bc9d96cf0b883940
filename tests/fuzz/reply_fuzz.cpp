// Replies of remote servers: what is kept is bounded and printable, and reads the same when it is said again.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/ascii.h"
#include "mail/reply.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

constexpr std::size_t max_reply_line = 512;

// The first complete reply in `text`, whose lines end with `line_end`.
std::optional<mail::Reply> first_reply(std::string_view text, std::string_view line_end) {
  mail::ReplyParser parser;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find(line_end));
    text.remove_prefix(std::min(line.size() + line_end.size(), text.size()));
    const auto is_complete = parser.add_line(line);
    if (is_complete && *is_complete) return parser.take();
  }
  return std::nullopt;
}

bool has_short_lines(std::string_view wire) {
  for (; !wire.empty(); wire.remove_prefix(wire.find("\r\n") + 2)) {
    if (wire.find("\r\n") + 2 > max_reply_line) return false;
  }
  return true;
}

void check(const mail::Reply& reply) {
  require(reply.code >= 200 && reply.code <= 599, "a reply has a code of RFC 5321");
  require(reply.text.size() <= mail::ReplyParser::max_kept, "a reply is bounded");
  require(
      std::ranges::all_of(reply.text, [](char c) { return mail::is_printable(c) || c == '\n'; }),
      "a reply is printable");
  require(std::ranges::all_of(reply.one_line(), mail::is_printable), "one line is one line");
  std::string wire;
  reply.append_to(wire);
  require(has_short_lines(wire), "a reply has lines of at most 512 octets");
  // A text that had to be wrapped has more lines than before, and an empty last line is not said.
  const bool is_wrapped = std::ranges::count(wire, '\n') > std::ranges::count(reply.text, '\n') + 1;
  // A space at which a line is wrapped is not said either, and may be all that made it too long.
  const bool ends_in_space =
      reply.text.ends_with(' ') || reply.text.find(" \n") != std::string::npos;
  if (!is_wrapped && !ends_in_space && !reply.text.ends_with('\n')) {
    require(first_reply(wire, "\r\n") == reply, "a reply reads the same when it is said again");
  }
}

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto reply = postern::fuzz::first_reply(input, "\n");
  if (reply) postern::fuzz::check(*reply);
  return 0;
}
