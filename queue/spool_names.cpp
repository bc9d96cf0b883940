#include "queue/spool_names.h"

#include <fmt/format.h>

#include <charconv>

namespace postern::queue {
namespace {

constexpr std::string_view content_suffix = ".msg";

}  // namespace

std::string segment_name(std::uint32_t number) { return fmt::format("{:08}.log", number); }

std::string content_name(mail::MessageId id) { return id.text() + std::string(content_suffix); }

std::optional<std::uint32_t> segment_number(std::string_view name) {
  std::uint32_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  if (number == 0 || number > max_segment_number || name != segment_name(number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<mail::MessageId> content_id(std::string_view name) {
  if (!name.ends_with(content_suffix)) return std::nullopt;
  const auto id = mail::MessageId::parse(name.substr(0, name.size() - content_suffix.size()));
  return id && name == content_name(*id) ? id : std::nullopt;
}

}  // namespace postern::queue
