#include "daemon/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <span>

namespace postern::daemon {
namespace {

using mail::Parsed;
using mail::SyntaxError;

struct Unit {
  std::string_view name;
  std::uint64_t factor;
  std::string_view word;
};

// The largest first: `words_of` takes the first that divides.
constexpr Unit duration_units[] = {
    {"d", 24 * 60 * 60, "day"}, {"h", 60 * 60, "hour"}, {"m", 60, "minute"}, {"s", 1, "second"}};

constexpr Unit size_units[] = {{"GiB", 1 << 30, "GiB"}, {"MiB", 1 << 20, "MiB"},
                               {"KiB", 1 << 10, "KiB"}, {"GB", 1'000'000'000, "GB"},
                               {"MB", 1'000'000, "MB"}, {"kB", 1'000, "kB"},
                               {"B", 1, "byte"}};

std::string names_of(std::span<const Unit> units) {
  std::string names;
  for (const Unit& unit : units) names += fmt::format("{}{}", names.empty() ? "" : ", ", unit.name);
  return names;
}

Parsed<std::uint64_t> parse_amount(std::string_view text, std::span<const Unit> units) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  auto [behind, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::invalid_argument) return SyntaxError{"does not begin with a number"};
  if (behind == end) return SyntaxError{"has no unit"};

  const std::string_view name(behind, static_cast<std::size_t>(end - behind));
  const auto unit = std::ranges::find(units, name, &Unit::name);
  if (unit == units.end()) return SyntaxError{"has an unknown unit, known are " + names_of(units)};
  if (error != std::errc{} || number > std::numeric_limits<std::uint64_t>::max() / unit->factor) {
    return SyntaxError{"is too large"};
  }
  if (number == 0) return SyntaxError{"must be more than nothing"};
  return number * unit->factor;
}

}  // namespace

Parsed<std::chrono::seconds> parse_duration(std::string_view text) {
  const Parsed<std::uint64_t> amount = parse_amount(text, duration_units);
  if (!amount) return amount.error();
  if (*amount > static_cast<std::uint64_t>(max_duration.count())) {
    return SyntaxError{"is longer than a year"};
  }
  return std::chrono::seconds(static_cast<std::chrono::seconds::rep>(*amount));
}

Parsed<std::uint64_t> parse_size(std::string_view text) { return parse_amount(text, size_units); }

std::string words_of(std::chrono::seconds duration) {
  const auto count = static_cast<std::uint64_t>(duration.count());
  for (const Unit& unit : duration_units) {
    const std::uint64_t number = count / unit.factor;
    if (count == 0 || count % unit.factor != 0) continue;
    return fmt::format("{} {}{}", number, unit.word, number == 1 ? "" : "s");
  }
  return "0 seconds";
}

std::string words_of_size(std::uint64_t bytes) {
  for (const Unit& unit : std::span(size_units).first(3)) {
    if (bytes != 0 && bytes % unit.factor == 0)
      return fmt::format("{} {}", bytes / unit.factor, unit.word);
  }
  return fmt::format("{} byte{}", bytes, bytes == 1 ? "" : "s");
}

}  // namespace postern::daemon
