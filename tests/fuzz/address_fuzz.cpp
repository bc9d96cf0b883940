// Mailboxes, paths, domains and networks: what is accepted can be read, within its limits, and re-parses from its own text.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "mail/ascii.h"
#include "mail/mailbox.h"
#include "mail/network.h"
#include "mail/utf8.h"
#include "tests/fuzz/property.h"

namespace postern::fuzz {
namespace {

void check_mailbox(std::string_view input) {
  const auto mailbox = mail::Mailbox::parse(input);
  if (!mailbox) return;
  const auto text = mailbox->text();
  require(mail::is_utf8_text(text), "a mailbox has no control characters");
  require(mailbox->needs_utf8() || std::ranges::all_of(text, mail::is_printable),
          "a mailbox is printable ASCII, or says that it is not");
  require(text.size() + 2 <= mail::max_path, "a mailbox fits into a path");
  const auto again = mail::Mailbox::parse(text);
  require(again && *again == *mailbox, "a mailbox re-parses from its text");
  const auto argument = '<' + text + "> SIZE=1";
  const auto split = mail::split_path_argument(argument);
  require(split && split->path == text && split->parameters == "SIZE=1",
          "a mailbox stands in a path");
}

void check_path_argument(std::string_view input) {
  const auto split = mail::split_path_argument(input);
  if (!split) return;
  require(split->path.size() + split->parameters.size() + 2 <= input.size(),
          "path and parameters are parts of the input");
  require(!split->path.empty() || input.starts_with("<>"), "only <> is the null path");
  check_mailbox(split->path);
}

void check_domain(std::string_view input) {
  const auto domain = mail::parse_domain(input);
  if (!domain) return;
  const auto again = mail::parse_domain(*domain);
  require(again && *again == *domain, "a domain re-parses from its text");
  require(domain->size() <= mail::max_domain, "a domain has its limit");
}

void check_network(std::string_view input) {
  const auto network = mail::Network::parse(input);
  if (!network) return;
  const auto again = mail::Network::parse(network->text());
  require(again && *again == *network, "a network re-parses from its text");
  require(network->contains(network->address()), "a network contains its first address");
}

}  // namespace
}  // namespace postern::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  postern::fuzz::check_mailbox(input);
  postern::fuzz::check_path_argument(input);
  postern::fuzz::check_domain(input);
  postern::fuzz::check_network(input);
  return 0;
}
