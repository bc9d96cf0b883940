// What somebody may have meant who mistyped a word.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace postern::daemon {

/// The candidate with the fewest letters to change, add or drop, where it takes no more than a third of the word.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 std::span<const std::string> candidates);

}  // namespace postern::daemon
