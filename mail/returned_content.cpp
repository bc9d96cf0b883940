#include "mail/returned_content.h"

#include <algorithm>
#include <utility>

#include "mail/ascii.h"
#include "mail/dsn_text.h"
#include "mail/header.h"
#include "mail/quoted_printable.h"
#include "mail/report_text.h"

namespace postern::mail {
namespace {

bool may_be_whole(Action action, Return ret, std::uint64_t size) {
  if (action != Action::failed || ret == Return::headers) return false;
  return size <= (ret == Return::full ? max_returned_message : max_unasked_message);
}

// Do all lines, which end with CRLF, fit SMTP, and have only characters that `is_allowed` allows?
template <class Predicate>
bool has_sendable_lines(std::string_view text, Predicate is_allowed) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find(crlf));
    if (line.size() > longest_line || !std::ranges::all_of(line, is_allowed)) return false;
    text.remove_prefix(std::min(line.size() + crlf.size(), text.size()));
  }
  return true;
}

std::string part_of(std::string_view type, std::string_view encoding, std::string_view content) {
  auto out = lines({"Content-Type: " + std::string(type)});
  if (!encoding.empty()) out += lines({"Content-Transfer-Encoding: " + std::string(encoding)});
  out += crlf;
  out += encoding == "quoted-printable" ? to_quoted_printable(content) : std::string(content);
  if (!content.ends_with(crlf)) out += crlf;
  return out;
}

std::string_view bounded(std::string_view header) {
  if (header.size() <= max_returned_header) return header;
  header = header.substr(0, max_returned_header);
  const auto end = header.rfind(crlf);
  return end == std::string_view::npos ? header : header.substr(0, end + crlf.size());
}

// What cannot stand in ASCII lines goes as quoted-printable, which RFC 6522, 4, allows for broken and extended headers, and
// RFC 6533, 6, for international ones.
std::string header_part(const ReportedMessage& message) {
  const auto header = bounded(header_section_of(message.content));
  const bool is_plain =
      has_sendable_lines(header, [](char c) { return is_printable(c) || c == '\t'; });
  const bool is_international = message.needs_utf8 && !is_plain;
  return part_of(is_international ? "message/global-headers" : "text/rfc822-headers",
                 is_plain ? "" : "quoted-printable", header);
}

// RFC 3463: 3.4, too big; 2.3, longer than the mailbox allows; 6.3, conversion (of 8-bit content) needed and not supported.
bool is_about_size(const EnhancedStatus& status) {
  return (status.subject == 3 && status.detail == 4) || (status.subject == 2 && status.detail == 3);
}
bool is_about_octets(const EnhancedStatus& status) {
  return status.subject == 6 && status.detail == 3;
}
// RFC 3463, 3.2, 3.3 and 3.5.
bool is_about_the_way(const EnhancedStatus& status) {
  return status.subject == 1 || (status.subject == 2 && !is_about_size(status)) ||
         status.subject == 4;
}

bool may_be_taken(const ReportedRecipient& failed, Return ret, bool is_seven_bit) {
  const EnhancedStatus& status = failed.reply.status;
  if (ret != Return::full) return is_seven_bit && is_about_the_way(status);
  return !is_about_size(status) && (is_seven_bit || !is_about_octets(status));
}

// Empty: it cannot be returned whole. A message/rfc822 has no encoding of its own (RFC 2046, 5.2.1); a message/global may
// have one (RFC 6532, 3.7), so there ASCII suffices for any content.
std::string whole_part(const ReportedMessage& message) {
  const auto is_text = [](char c) { return c != '\0' && c != '\r' && c != '\n'; };
  const bool is_sendable = has_sendable_lines(message.content, is_text);
  const bool is_ascii_only = is_sendable && is_ascii(message.content);
  const bool is_seven_bit = is_ascii_only || message.needs_utf8;
  const bool is_sure = std::ranges::all_of(message.recipients, [&](const auto& failed) {
    return may_be_taken(failed, message.dsn.ret, is_seven_bit);
  });
  if (!is_sure) return {};
  if (is_ascii_only) return part_of("message/rfc822", "", message.content);
  if (message.needs_utf8) return part_of("message/global", "quoted-printable", message.content);
  return is_sendable ? part_of("message/rfc822", "8bit", message.content) : std::string();
}

}  // namespace

std::size_t content_needed(Action action, Return ret, std::uint64_t size) {
  constexpr std::size_t header_needed = max_returned_header + 4;  // its end must be seen
  const bool is_whole = may_be_whole(action, ret, size);
  return is_whole ? static_cast<std::size_t>(size) : header_needed;
}

ReturnedContent returned_content(Action action, const ReportedMessage& message) {
  const bool is_all_there = message.content.size() == message.size;
  if (is_all_there && may_be_whole(action, message.dsn.ret, message.size)) {
    std::string whole = whole_part(message);
    if (!whole.empty()) return {true, std::move(whole)};
  }
  return {false, header_part(message)};
}

}  // namespace postern::mail
