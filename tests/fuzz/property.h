// What a fuzz target claims about its input.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace postern::fuzz {

/// Ends the process where `is_true` is not: libFuzzer then keeps the input. Unlike assert, it does so in every build.
inline void require(bool is_true, std::string_view property) {
  if (is_true) return;
  std::fprintf(stderr, "not so: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

}  // namespace postern::fuzz
