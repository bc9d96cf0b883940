// HTML that is put together safely: whatever is put into a pattern is escaped, unless it is HTML already.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include "foreign_text.h"

namespace postern::cli {

/// A piece of markup, well formed and harmless.
struct Html {
  std::string text;

  Html& operator+=(const Html& more) {
    text += more.text;
    return *this;
  }
};

inline std::string in_html(const Html& html) { return html.text; }
inline std::string in_html(std::string_view text) { return html_text(text); }
template <class Number>
requires std::integral<Number> || std::floating_point<Number> Number in_html(Number number) {
  return number;
}

/// `pattern` is markup with fmt's braces.
template <class... Args>
Html html(fmt::format_string<decltype(in_html(std::declval<const Args&>()))...> pattern,
          const Args&... args) {
  return {fmt::format(pattern, in_html(args)...)};
}

}  // namespace postern::cli
