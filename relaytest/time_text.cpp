#include "relaytest/time_text.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace postern::relaytest {

using std::chrono::milliseconds;
using std::chrono::system_clock;

std::string time_text(system_clock::time_point time) {
  const auto ms = std::chrono::floor<milliseconds>(time);
  const auto seconds = std::chrono::floor<std::chrono::seconds>(ms);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(system_clock::to_time_t(system_clock::time_point(seconds))),
                     (ms - seconds).count());
}

std::optional<system_clock::time_point> parse_time(std::string_view text) {
  constexpr std::string_view form = "0000-00-00T00:00:00.000Z";
  const bool has_form = std::ranges::equal(text, form, [](char c, char wanted) {
    return wanted == '0' ? c >= '0' && c <= '9' : c == wanted;
  });
  if (!has_form) return {};
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = 0;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  using namespace std::chrono;
  const year_month_day day(year(number(0, 4)), month(static_cast<unsigned>(number(5, 2))),
                           std::chrono::day(static_cast<unsigned>(number(8, 2))));
  // What the clock counts in nanoseconds ends in 2262.
  const bool is_countable = day.year() >= year(1970) && day.year() < year(2262);
  if (!day.ok() || !is_countable || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59)
    return {};
  return sys_days(day) + hours(number(11, 2)) + minutes(number(14, 2)) + seconds(number(17, 2)) +
         milliseconds(number(20, 3));
}

}  // namespace postern::relaytest
