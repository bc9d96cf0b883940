#include "mail/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "mail/ascii.h"

namespace postern::mail {
namespace {

constexpr std::size_t max_reply_line = 512;  // octets with CRLF (RFC 5321, 4.5.3.1.5)
constexpr std::size_t code_digits = 3;

// Takes the next line off the front of `text`, at most `width` octets: where it is longer, up to a space if it has one.
std::string_view take_line(std::string_view& text, std::size_t width) {
  auto line = text.substr(0, text.find('\n'));
  std::size_t taken = std::min(line.size() + 1, text.size());
  if (line.size() > width) {
    const auto space = line.substr(0, width + 1).rfind(' ');
    const bool has_space = space != std::string_view::npos && space > 0;
    line = line.substr(0, has_space ? space : width);
    taken = line.size() + (has_space ? 1 : 0);
  }
  text.remove_prefix(taken);
  return line;
}

// Takes a number of one to three digits off the front of `text`.
std::optional<std::uint16_t> take_number(std::string_view& text) {
  std::uint16_t number = 0;
  const auto digits = text.substr(0, 3);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - digits.data()));
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

// RFC 5321, 4.2: 200 to 599. The middle digit is not held against anybody.
std::optional<std::uint16_t> code_of(std::string_view line) {
  std::string_view digits = line.substr(0, code_digits);
  if (digits.size() < code_digits || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  if (digits[0] < '2' || digits[0] > '5') return std::nullopt;
  return take_number(digits);
}

// Adds what stands behind the code of a line. A status is one where it agrees with the code (RFC 2034, 4) and with the
// lines before; all else that looks like one is text.
void keep(Reply& reply, bool is_first, std::string_view text) {
  std::string_view behind = text;
  const auto status = EnhancedStatus::take_from(behind);
  if (status && status->klass == reply.code / 100 && (is_first || *status == reply.status)) {
    reply.status = *status;
    text = behind;
  }
  const std::size_t room = ReplyParser::max_kept - reply.text.size();
  if (is_first) {
    reply.text = printable(text.substr(0, room));
  } else if (room > 0) {
    reply.text += '\n' + printable(text.substr(0, room - 1));
  }
}

}  // namespace

std::string EnhancedStatus::text() const {
  std::string text = std::to_string(klass);
  text.append(1, '.').append(std::to_string(subject));
  text.append(1, '.').append(std::to_string(detail));
  return text;
}

std::optional<EnhancedStatus> EnhancedStatus::take_from(std::string_view& text) {
  std::string_view rest = text;
  const auto klass = take_number(rest);
  if (!klass || (*klass != 2 && *klass != 4 && *klass != 5) || !take(rest, '.')) return {};
  const auto subject = take_number(rest);
  if (!subject || !take(rest, '.')) return {};
  const auto detail = take_number(rest);
  if (!detail || (!rest.empty() && !take(rest, ' '))) return {};
  text = rest;
  return EnhancedStatus{static_cast<std::uint8_t>(*klass), *subject, *detail};
}

void Reply::append_to(std::string& out) const {
  const std::string prefix = status.is_given() ? status.text() + ' ' : "";
  const std::size_t width = max_reply_line - code_digits - 1 - prefix.size() - 2;
  const std::string digits = std::to_string(1000 + code);  // behind the first: with leading zeros
  std::string_view rest = text;
  do {
    const auto line = take_line(rest, width);
    out.append(digits, 1).append(1, rest.empty() ? ' ' : '-').append(prefix);
    out.append(printable(line)).append("\r\n");
  } while (!rest.empty());
}

std::string Reply::one_line() const {
  std::string line = fmt::format("{:03}", code);
  if (status.is_given()) line += ' ' + status.text();
  if (!text.empty()) line += ' ' + text;
  std::ranges::replace(line, '\n', ' ');
  return printable(line);
}

Parsed<bool> ReplyParser::add_line(std::string_view line) {
  const auto code = code_of(line);
  const char behind = line.size() > code_digits ? line[code_digits] : ' ';
  const bool is_in_step = lines_ == 0 || code == reply_.code;
  if (!code || !is_in_step || (behind != ' ' && behind != '-') || lines_ == max_lines) {
    *this = {};
    return SyntaxError{"the server's answer is no SMTP reply"};
  }
  reply_.code = *code;
  keep(reply_, lines_ == 0, line.substr(std::min(line.size(), code_digits + 1)));
  ++lines_;
  return behind == ' ';
}

Reply ReplyParser::take() { return std::exchange(*this, {}).reply_; }

}  // namespace postern::mail
