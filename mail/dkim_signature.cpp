#include "mail/dkim_signature.h"

#include <algorithm>

namespace postern::mail {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(white), text.size()));
  return text.substr(0, text.find_last_not_of(white) + 1);
}

std::string_view take_until(char c, std::string_view& rest) {
  const auto taken = rest.substr(0, rest.find(c));
  rest.remove_prefix(std::min(taken.size() + 1, rest.size()));
  return trim(taken);
}

}  // namespace

std::vector<std::string_view> signed_fields(std::string_view value) {
  std::vector<std::string_view> names;
  while (!value.empty()) {
    std::string_view tag = take_until(';', value);
    if (take_until('=', tag) != "h") continue;
    while (!tag.empty()) names.push_back(take_until(':', tag));
  }
  return names;
}

}  // namespace postern::mail
