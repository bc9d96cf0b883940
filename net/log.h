// The log: one line an event, `key=value`, to standard error. A line is one write, so lines of several processes never mix.
// What came from outside is quoted and escaped: no control character, no line break, nothing over `max_value` gets in.
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "mail/mailbox.h"
#include "mail/message_id.h"

namespace postern::net {

enum class Level { info, warning, error };

/// A value of a log line, for as long as the line is made: words are not copied.
class LogValue {
 public:
  LogValue(std::string_view words) : words_(words) {}
  LogValue(const std::string& words) : words_(words) {}
  LogValue(const char* words) : words_(words) {}
  LogValue(const mail::Mailbox& mailbox) : made_(mailbox.text()) {}
  LogValue(const mail::ReversePath& path) : made_(mail::text_of(path)) {}
  LogValue(mail::MessageId id) : made_(id.text()) {}
  template <std::integral Number>
  requires(!std::same_as<Number, bool>) LogValue(Number number)
      : made_(fmt::format_int(number).c_str()) {}
  LogValue(std::floating_point auto number) : made_(fmt::format("{:.3f}", number)) {}

  std::string_view text() const { return made_.empty() ? words_ : std::string_view(made_); }

 private:
  std::string_view words_;
  std::string made_;
};

struct LogField {
  std::string_view key;
  LogValue value;
};

inline constexpr std::size_t max_value = 1024;

/// The role's name in every line, e.g. `smtpd`. Said once, at the start of the process.
void name_log(std::string role);

/// `2026-11-21T21:25:00.123Z queue accepted id=... from=<a@b.example> ...`: an event is one or two words with a hyphen.
/// A warning or an error stands between role and event as `WARNING` or `ERROR`.
void log(Level level, std::string_view event, std::initializer_list<LogField> fields);
inline void log(std::string_view event, std::initializer_list<LogField> fields) {
  log(Level::info, event, fields);
}

/// Something that only a fault in Postern's own code explains.
void log_bug(std::string_view what);

/// The line without its time, for tests of what may appear in it.
[[nodiscard]] std::string log_line(Level level, std::string_view event,
                                   std::initializer_list<LogField> fields);

}  // namespace postern::net
