#include "daemon/endpoint.h"

#include <fmt/format.h>

#include <charconv>

namespace postern::daemon {
namespace {

using mail::Parsed;
using mail::SyntaxError;

Parsed<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || behind != end) {
    return SyntaxError{fmt::format("\"{}\" is no port (0 to 65535)", text)};
  }
  return port;
}

}  // namespace

std::string Endpoint::text() const {
  const std::string host = address.to_string();
  return address.is_v6() ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

Parsed<HostPort> split_host_port(std::string_view text) {
  HostPort parts;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return SyntaxError{"the bracket is not closed"};
    parts.has_brackets = true;
    parts.host = text.substr(1, close - 1);
    port = text.substr(close + 1);
    if (!port.empty() && !port.starts_with(':'))
      return SyntaxError{"only a port may follow the bracket"};
  } else {
    const std::size_t colon = text.find(':');
    if (colon != text.rfind(':')) return SyntaxError{"an IPv6 address stands in brackets"};
    parts.host = text.substr(0, colon);
    if (colon != text.npos) port = text.substr(colon);
  }
  if (parts.host.empty()) return SyntaxError{"there is no address"};
  if (port.empty()) return parts;

  const Parsed<std::uint16_t> number = parse_port(port.substr(1));
  if (!number) return number.error();
  parts.port = *number;
  return parts;
}

Parsed<Endpoint> parse_endpoint(std::string_view text, std::optional<std::uint16_t> default_port) {
  const Parsed<HostPort> parts = split_host_port(text);
  if (!parts) return parts.error();
  const Parsed<mail::IpAddress> address = mail::parse_address(parts->host);
  if (!address || address->is_v6() != parts->has_brackets) {
    return SyntaxError{fmt::format("\"{}\" is no IP address", parts->host)};
  }
  const std::optional<std::uint16_t> port = parts->port ? parts->port : default_port;
  if (!port) return SyntaxError{"there is no port"};
  return Endpoint{mail::normalised(*address), *port};
}

}  // namespace postern::daemon
