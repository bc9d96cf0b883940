// The fields of an aggregate, one after the other: as much reflection as C++20 gives. (Boost.PFR does the same for any type, but
// counts fields by trying every number up to the size in bits: minutes of compiling for the frames.)
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace postern::net {

inline constexpr std::size_t max_fields = 16;

namespace fields_detail {

struct Anything {
  template <class T>
  operator T() const;  // declared only: nobody calls it
};

template <class T, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { T{(static_cast<void>(I), Anything())...}; };
}

template <class T, std::size_t n = max_fields>
constexpr std::size_t count() {
  if constexpr (n == 0 || takes<T>(std::make_index_sequence<n>())) {
    return n;
  } else {
    return count<T, n - 1>();
  }
}

}  // namespace fields_detail

/// Calls `visit` with a reference to each field of `it`, in the order of their declaration.
template <class T, class Visit>
constexpr void for_each_field(T& it, Visit&& visit) {
  constexpr std::size_t count = fields_detail::count<std::remove_const_t<T>>();
  const auto each = [&](auto&... field) { (visit(field), ...); };
  // clang-format off
  if constexpr (count == 1) { auto& [a] = it; each(a); }
  if constexpr (count == 2) { auto& [a, b] = it; each(a, b); }
  if constexpr (count == 3) { auto& [a, b, c] = it; each(a, b, c); }
  if constexpr (count == 4) { auto& [a, b, c, d] = it; each(a, b, c, d); }
  if constexpr (count == 5) { auto& [a, b, c, d, e] = it; each(a, b, c, d, e); }
  if constexpr (count == 6) { auto& [a, b, c, d, e, f] = it; each(a, b, c, d, e, f); }
  if constexpr (count == 7) { auto& [a, b, c, d, e, f, g] = it; each(a, b, c, d, e, f, g); }
  if constexpr (count == 8) { auto& [a, b, c, d, e, f, g, h] = it; each(a, b, c, d, e, f, g, h); }
  if constexpr (count == 9) { auto& [a, b, c, d, e, f, g, h, i] = it; each(a, b, c, d, e, f, g, h, i); }
  if constexpr (count == 10) { auto& [a, b, c, d, e, f, g, h, i, j] = it; each(a, b, c, d, e, f, g, h, i, j); }
  if constexpr (count == 11) { auto& [a, b, c, d, e, f, g, h, i, j, k] = it; each(a, b, c, d, e, f, g, h, i, j, k); }
  if constexpr (count == 12) { auto& [a, b, c, d, e, f, g, h, i, j, k, l] = it; each(a, b, c, d, e, f, g, h, i, j, k, l); }
  if constexpr (count == 13) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = it; each(a, b, c, d, e, f, g, h, i, j, k, l, m); }
  if constexpr (count == 14) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = it; each(a, b, c, d, e, f, g, h, i, j, k, l, m, n); }
  if constexpr (count == 15) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = it; each(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o); }
  if constexpr (count == 16) { auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = it; each(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p); }
  // clang-format on
}

}  // namespace postern::net
