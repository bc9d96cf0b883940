#include "net/log.h"

#include <fmt/chrono.h>
#include <unistd.h>

#include <chrono>

namespace postern::net {
namespace {

std::string& role_name() {
  static std::string name = "postern";
  return name;
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  for (unsigned char c : text) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') return true;
  }
  return false;
}

// Printable ASCII and well-placed UTF-8 bytes stay readable; all control characters become \xNN.
void append_value(std::string& line, std::string_view text) {
  const bool is_cut = text.size() > max_value;
  text = text.substr(0, max_value);
  if (!needs_quotes(text)) {
    line += text;
  } else {
    line += '"';
    for (unsigned char c : text) {
      if (c == '"' || c == '\\') {
        line += '\\';
        line += static_cast<char>(c);
      } else if (c < ' ' || c >= 0x7f) {
        fmt::format_to(std::back_inserter(line), "\\x{:02x}", c);
      } else {
        line += static_cast<char>(c);
      }
    }
    line += '"';
  }
  if (is_cut) line += "...";
}

}  // namespace

void name_log(std::string role) { role_name() = std::move(role); }

std::string log_line(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = role_name();
  line += level == Level::error ? " ERROR " : level == Level::warning ? " WARNING " : " ";
  line += event;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value.text);
  }
  return line;
}

void log(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  const auto now =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto milliseconds = now.time_since_epoch().count() % 1000;
  const std::string line = fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z {}\n",
                                       fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                                       milliseconds, log_line(level, event, fields));
  // Where standard error is gone there is nobody left to tell.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void log_bug(std::string_view what) { log(Level::error, "bug", {{"what", what}}); }

}  // namespace postern::net
