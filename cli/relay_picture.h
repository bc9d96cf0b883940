// Pictures of the mail's way, as inline SVG: from the tester to the target, and on to the tester's mailbox, or not.
#pragma once

#include "html.h"
#include "relay_findings.h"

namespace postern::cli {

/// How many messages went how far: one picture for wide screens, and one for narrow ones; the style sheet shows one of them.
/// Bands are as wide as their share of the messages.
[[nodiscard]] Html picture_of(const Counts& counts, std::string_view target);

/// The glyphs, defined once a page.
[[nodiscard]] Html glyph_definitions();

/// The way of one probe, as a small glyph. Has no text: words stand beside it.
[[nodiscard]] Html glyph_of(Fate fate);

/// The class of the style sheet that colours a fate.
[[nodiscard]] std::string_view class_of(Fate fate);

}  // namespace postern::cli
