// What a server calls itself: tricks that pretend to be local need a name, and a user who says an address has given none.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "net/task.h"
#include "relaytest/run.h"

namespace postern::relaytest {

/// The domain in a greeting, `220 mail.example.net ...` (RFC 5321, 4.2), in lower case; empty: it is no whole domain name.
[[nodiscard]] std::string name_in_greeting(std::string_view greeting);

/// Its first word, as it stands: `220 smarthost.office.example ESMTP`.
[[nodiscard]] std::string_view first_word_of_greeting(std::string_view greeting);

/// Connects, says EHLO and QUIT, and gives the greeting; empty: there was none. `limit`: for one reply.
[[nodiscard]] net::Task<std::string> ask_greeting(const Run& run, const Door& door,
                                                  std::chrono::seconds limit);

/// Connects to one door of the run after another, says EHLO and QUIT, and takes the name from the first greeting that has one; empty:
/// none has. `limit`: for one reply.
[[nodiscard]] net::Task<std::string> ask_server_name(const Run& run, std::chrono::seconds limit);

}  // namespace postern::relaytest
