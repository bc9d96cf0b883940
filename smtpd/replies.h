// What the parts of a session have in common: replies that stand in several places, and how an argument is trimmed.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "mail/reply.h"

namespace postern::smtpd {

[[nodiscard]] inline mail::Reply out_of_order(std::string_view text) {
  return {503, {5, 5, 1}, std::string(text)};
}
[[nodiscard]] inline mail::Reply no_argument() {
  return {501, {5, 5, 4}, "This command has no argument"};
}

[[nodiscard]] inline std::string_view trim(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

}  // namespace postern::smtpd
