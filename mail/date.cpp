#include "mail/date.h"

#include <fmt/chrono.h>

namespace postern::mail {

std::string date_text(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::system_clock::to_time_t(time);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} +0000", fmt::gmtime(seconds));
}

}  // namespace postern::mail
