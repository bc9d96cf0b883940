#include "relaytest/server_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "mail/ascii.h"
#include "relaytest/conversation.h"
#include "relaytest/undemanding_tls.h"

namespace postern::relaytest {
namespace {

constexpr std::size_t max_domain = 255;  // octets (RFC 5321, 4.5.3.1.2)

bool is_of_a_domain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

}  // namespace

std::string_view first_word_of_greeting(std::string_view greeting) {
  greeting.remove_prefix(std::min<std::size_t>(4, greeting.size()));
  return greeting.substr(0, greeting.find_first_of(" \r\n"));
}

std::string name_in_greeting(std::string_view greeting) {
  if (!greeting.starts_with("220")) return {};
  std::string name(first_word_of_greeting(greeting));
  for (char& c : name) c = mail::to_lower(c);
  const bool is_whole = name.find('.') != name.npos && name.front() != '.' && name.back() != '.' &&
                        name.size() <= max_domain && std::ranges::all_of(name, is_of_a_domain) &&
                        std::ranges::any_of(name, mail::is_letter);
  return is_whole ? name : std::string();
}

net::Task<std::string> ask_greeting(const Run& run, const Door& door, std::chrono::seconds limit) {
  Script script;
  script.kind = Kind::question;
  script.hello = fmt::format("EHLO {}", run.us);
  script.question = "NOOP";
  ProbeResult nothing;
  const Patience patience{limit, 2 * limit};
  Conversation conversation(script, door, run.server, undemanding_client_tls(), patience,
                            std::move(nothing), false);
  Attempt attempt = co_await conversation.hold();
  co_return std::move(attempt.greeting);
}

net::Task<std::string> ask_server_name(const Run& run, std::chrono::seconds limit) {
  for (const Door& door : run.doors) {
    const std::string greeting = co_await ask_greeting(run, door, limit);
    std::string name = name_in_greeting(greeting);
    if (!name.empty()) co_return name;
  }
  co_return std::string();
}

}  // namespace postern::relaytest
