// Header sections: split into fields that are the section again, folded without a change, and returned in reports that can
// always be sent.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "mail/ascii.h"
#include "mail/folding.h"
#include "mail/header.h"
#include "mail/report.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

using namespace std::chrono_literals;

void check_header(std::string_view content) {
  const auto section = mail::header_section_of(content);
  require(content.starts_with(section), "the header section is the front of the content");
  const auto fields = mail::split_header(section);
  if (!fields) return;
  std::string joined;
  for (const auto& field : *fields) {
    joined += field.raw;
    require(!field.name.empty() && mail::is_named(field, field.name), "a field has a name");
    require(field.raw.find(field.value) != std::string_view::npos, "a value is part of its field");
  }
  require(joined == section, "the fields together are the section");
}

std::string unfolded(std::string_view field) {
  std::string text;
  for (char c : field) {
    if (c != '\r' && c != '\n') text += c;
  }
  return text;
}

// An x stands for forty, so that short inputs reach long lines.
void check_folding(std::string_view content) {
  std::string section;
  for (char c : mail::header_section_of(content)) {
    section.append(c == 'x' ? 40 : 1, c);
  }
  const auto fields = mail::split_header(section);
  if (!fields || !section.ends_with("\r\n")) return;
  for (const auto& field : *fields) {
    const auto folded = mail::refold(field.raw);
    if (!folded) continue;
    require(!mail::has_long_line(*folded), "a folded field has no long line");
    require(unfolded(*folded) == unfolded(field.raw), "folding changes nothing else");
    require(mail::split_header(*folded) && mail::split_header(*folded)->size() == 1,
            "a folded field is one field");
    require(mail::has_long_line(field.raw) || *folded == field.raw, "what fits is left alone");
  }
}

bool is_sendable(std::string_view line) {
  return line.size() <= 998 &&
         std::ranges::all_of(line, [](char c) { return mail::is_printable(c) || c == '\t'; });
}

// The input is all that strangers have a hand in: the header, the remote's words and name.
void check_report(std::string_view input) {
  const auto mailbox = *mail::Mailbox::parse("alice@office.example");
  const std::string text(input);
  mail::ReportedMessage message{
      mail::MessageId(1), {}, mailbox, {mail::Return::headers, text}, true, input,
      input.size(),       {}};
  message.recipients.push_back({mailbox, text, {550, {5, 0, 0}, text}, text, {}, {}});
  const auto content =
      mail::report_content(mail::Action::failed, {"host.example", {}, mail::MessageId(2)}, message);
  require(content.ends_with("\r\n"), "a report ends with a line end");
  for (std::string_view rest = content; !rest.empty(); rest.remove_prefix(rest.find("\r\n") + 2)) {
    require(is_sendable(rest.substr(0, rest.find("\r\n"))), "a report has sendable lines only");
  }
  require(mail::split_header(mail::header_section_of(content)).has_value(),
          "a report has a header");
}

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  postern::fuzz::check_header(input);
  postern::fuzz::check_folding(input);
  postern::fuzz::check_report(input);
  return 0;
}
