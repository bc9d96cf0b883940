// What was said between the tester and the target, on the page.
#pragma once

#include "html.h"
#include "relaytest/run.h"

namespace postern::cli {

/// The transcript of a probe's last attempt as a list; the line that decided stands out, the content of a plain message is folded
/// away. Empty where there is none. Beyond `budget` octets of HTML lines are left out in the middle, and said so.
[[nodiscard]] Html transcript_of(const relaytest::ProbeResult& probe, std::size_t budget);

/// At most so many octets of it, whole characters, and `…` where more were left out.
[[nodiscard]] std::string cut_text(std::string_view text, std::size_t octets);

}  // namespace postern::cli
