#include "relaytest/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "relaytest/addresses.h"
#include "relaytest/message.h"

namespace postern::relaytest {
namespace {

constexpr std::string_view nobody = "postern-relay-test-nobody";
constexpr std::size_t more_than_a_path = 300;   // octets; RFC 5321, 4.5.3.1.3 allows 256
constexpr std::size_t more_than_a_line = 2000;  // octets; 4.5.3.1.4 and .6: 512, 1000 in content

/// `mx.office.example` is of `office.example`; what has no more than two labels is a domain already.
std::string domain_of_server(const std::string& server) {
  const auto first = server.find('.');
  const bool has_more =
      first != std::string::npos && server.find('.', first + 1) != std::string::npos;
  return has_more && !server.starts_with('[') ? server.substr(first + 1) : server;
}

/// A server of which only the address is known is named by its literal.
std::string name_of_server(const std::string& server) {
  const auto address = mail::parse_address(server);
  return address ? literal_of(*address) : server;
}

std::string upper_case(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

/// U+3002 for each dot, which IDNA takes for one (RFC 3490, 3.1). The dots of an address literal stay.
std::string with_ideographic_stops(const std::string& domain) {
  if (domain.starts_with('[')) return domain;
  std::string wide;
  for (const char c : domain) {
    if (c == '.') {
      wide += "\xe3\x80\x82";
    } else {
      wide += c;
    }
  }
  return wide;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace

Placeholders::Placeholders(const Run& run, const Door& door) {
  const mail::IpAddress address = mail::normalised(door.address);
  const std::size_t at = std::min(run.mailbox.rfind('@'), run.mailbox.size());
  const std::string server = name_of_server(run.server);
  const std::string domain = run.mailbox.substr(std::min(at + 1, run.mailbox.size()));
  values_ = {{"us", run.us},
             {"sender", run.sender},
             {"mailbox", run.mailbox},
             {"user", run.mailbox.substr(0, at)},
             {"domain", domain},
             {"DOMAIN", upper_case(domain)},
             {"wide-domain", with_ideographic_stops(domain)},
             {"server", server},
             {"server-domain", domain_of_server(server)},
             {"literal", literal_of(address)},
             {"ip", address.to_string()},
             {"family", address.is_v6() ? "TCP6" : "TCP4"},
             {"loopback", address.is_v6() ? "::1" : "127.0.0.1"},
             {"nobody", std::string(nobody)},
             {"long", std::string(more_than_a_path, 'a')},
             {"longer", std::string(more_than_a_line, 'a')}};
}

std::string Placeholders::fill(std::string_view text) const {
  std::string out;
  for (;;) {
    const std::size_t open = std::min(text.find('{'), text.size());
    out += text.substr(0, open);
    if (open == text.size()) return out;
    const std::size_t close = text.find('}', open);
    const std::string_view name = text.substr(open + 1, close - open - 1);
    const auto value = std::ranges::find(values_, name, &decltype(values_)::value_type::first);
    if (close == text.npos || value == values_.end()) {
      throw std::logic_error(fmt::format("there is no placeholder {{{}}}", name));
    }
    out += value->second;
    text.remove_prefix(close + 1);
  }
}

// Smuggling is tried around a message that the target takes, where we know of an address for it.
Paths paths_of(const Run& run, const Door& door, const Trick& trick) {
  if (trick.kind == Kind::question) return {};
  const Placeholders placeholders(run, door);
  Paths paths{placeholders.fill(trick.from), placeholders.fill(trick.to)};
  if (trick.kind == Kind::smuggling && !run.carrier.empty()) {
    paths.to = fmt::format("<{}>", run.carrier);
  }
  return paths;
}

Script script_of(const Run& run, const Door& door, const ProbeResult& probe, const Trick& trick,
                 system_clock::time_point now) {
  const Placeholders placeholders(run, door);
  Script script;
  script.kind = trick.kind;
  script.is_rude = trick.is_rude;
  script.starttls = trick.starttls;
  script.chunking = trick.chunking;
  script.preface = placeholders.fill(trick.preface);
  script.hello = placeholders.fill(trick.hello);
  script.tls_hello = script.hello.starts_with("EHLO") ? script.hello : "EHLO " + run.us;
  script.behind_starttls = placeholders.fill(trick.behind_starttls);
  script.claims = lines_of(placeholders.fill(trick.claim));
  script.question = placeholders.fill(trick.question);
  if (trick.kind == Kind::question) return script;
  const Paths paths = paths_of(run, door, trick);
  script.mail = fmt::format("{}{}", trick.mail_verb, paths.from);
  if (!trick.also_to.empty()) {
    script.also_rcpt = fmt::format("{}{}", trick.rcpt_verb, placeholders.fill(trick.also_to));
  }
  script.rcpt = fmt::format("{}{}", trick.rcpt_verb, paths.to);
  script.content = content_of(run, door, probe, trick, now);
  if (!trick.chunking) script.content += ".\r\n";
  return script;
}

}  // namespace postern::relaytest
