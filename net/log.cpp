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

void append_line(Level level, std::string_view event, std::initializer_list<LogField> fields,
                 std::string& line) {
  line += role_name();
  line += level == Level::error ? " ERROR " : level == Level::warning ? " WARNING " : " ";
  line += event;
  for (const LogField& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field.value.text());
  }
}

// `2026-11-21T21:25:00.123Z `. The calendar is asked once a second.
std::string time_text(std::chrono::system_clock::time_point now) {
  thread_local std::chrono::sys_seconds second;
  thread_local std::string text;
  const auto whole = std::chrono::floor<std::chrono::seconds>(now);
  if (text.empty() || whole != second) {
    second = whole;
    text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(whole));
  }
  const auto rest = std::chrono::duration_cast<std::chrono::milliseconds>(now - whole);
  return text + fmt::format(".{:03}Z ", rest.count());
}

}  // namespace

void name_log(std::string role) { role_name() = std::move(role); }

std::string log_line(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line;
  append_line(level, event, fields, line);
  return line;
}

void log(Level level, std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = time_text(std::chrono::system_clock::now());
  append_line(level, event, fields, line);
  line += '\n';
  // Where standard error is gone there is nobody left to tell.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void log_bug(std::string_view what) { log(Level::error, "bug", {{"what", what}}); }

}  // namespace postern::net
