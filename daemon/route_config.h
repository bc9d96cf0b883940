// The `[[route]]` tables: which mail goes by which relayhost, and which by MX.
#pragma once

#include <string_view>
#include <vector>

#include "daemon/config_reader.h"
#include "daemon/named_files.h"
#include "mail/parsed.h"

namespace postern::daemon {

/// `smtp+starttls://host:587`, `smtps://host:465` or `smtp://host:25`; the port is the scheme's where it is left out, the host
/// a name, an IPv4 address, or an IPv6 address in brackets.
[[nodiscard]] mail::Parsed<frames::Relayhost> parse_relayhost(std::string_view url);

[[nodiscard]] std::vector<RouteConfig> read_routes(ConfigReader& reader, NamedFiles& files);

/// Does a route take everything that reaches it?
[[nodiscard]] bool matches_all(const frames::Route& route);

}  // namespace postern::daemon
