// One probe of the relay tester on its page: a line that opens, with all that is known of it.
#pragma once

#include "html.h"
#include "relaytest/run.h"

namespace postern::cli {

/// A `details` element. `budget`: octets of HTML for the transcript, and again for what came back; the rest is left out, and said so.
[[nodiscard]] Html html_of(const relaytest::ProbeResult& probe, std::string_view id,
                           std::size_t budget);

/// When it came back, how long that took, and who handed it in.
[[nodiscard]] Html return_sentence(const relaytest::ProbeResult& probe,
                                   const relaytest::Return& back);

/// Its Received fields as a list, newest first.
[[nodiscard]] Html trail_of(const relaytest::Return& back, std::size_t budget);

}  // namespace postern::cli
