#include "relaytest/caught_log.h"

#include <charconv>

namespace postern::relaytest {
namespace {

constexpr std::string_view before_path = " from=<";
constexpr std::string_view behind_path = "> to=<";

}  // namespace

void CaughtLog::take(std::string_view octets, const OnMessage& on_message) {
  const bool is_any = !octets.empty();
  while (!octets.empty()) {
    const std::size_t end = octets.find('\n');
    const std::string_view piece = octets.substr(0, end);
    line_ += piece.substr(0, max_line - std::min(max_line, line_.size()));
    if (end == octets.npos) break;
    on_line(line_, on_message);
    line_.clear();
    octets.remove_prefix(end + 1);
  }
  if (is_any) tell(on_message);
}

void CaughtLog::on_line(std::string_view line, const OnMessage& on_message) {
  if (!is_start(line)) {
    if (number_ > 0 && message_.content.size() + line.size() < max_message)
      message_.content.append(line).push_back('\n');
    return;
  }
  tell(on_message);
  std::from_chars(line.data(), line.data() + line.size(), number_);
  const std::size_t path = line.find(before_path) + before_path.size();
  message_ = {};
  message_.reverse_path = line.substr(path, line.find(behind_path, path) - path);
}

/// `12 from=<a@b.example> to=<c@d.example> 345 bytes "Subject"`, with the number that comes next; or 1, of a catcher that was
/// started again.
bool CaughtLog::is_start(std::string_view line) const {
  std::uint64_t number = 0;
  const char* end = line.data() + line.size();
  const auto [behind, error] = std::from_chars(line.data(), end, number);
  if (error != std::errc{} || (number != number_ + 1 && number != 1)) return false;
  const std::string_view rest(behind, static_cast<std::size_t>(end - behind));
  return rest.starts_with(before_path) && rest.find(behind_path) != rest.npos;
}

void CaughtLog::tell(const OnMessage& on_message) const {
  const bool has_header = message_.content.find("\n\n") != std::string::npos;
  if (number_ > 0 && has_header) on_message(message_);
}

}  // namespace postern::relaytest
