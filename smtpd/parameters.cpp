#include "smtpd/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "mail/ascii.h"

namespace postern::smtpd {
namespace {

constexpr std::size_t max_size_digits = 20;  // RFC 1870, 3

mail::Reply not_announced() { return {555, {5, 5, 4}, "A parameter is not known here"}; }

mail::Reply malformed(std::string_view name) {
  return {501, {5, 5, 4}, "The value of " + std::string(name) + " is malformed"};
}

bool take_size(MailParameters& parameters, std::string_view value) {
  if (value.empty() || value.size() > max_size_digits) return false;
  const char* const end = value.data() + value.size();
  const auto [at, error] = std::from_chars(value.data(), end, parameters.size);
  return error == std::errc() && at == end;
}

bool take_body(MailParameters& parameters, std::string_view value) {
  const bool is_eight_bit = mail::equals_ignoring_case(value, "8BITMIME");
  parameters.body = is_eight_bit ? mail::BodyType::eight_bit : mail::BodyType::seven_bit;
  return is_eight_bit || mail::equals_ignoring_case(value, "7BIT");
}

// Who first sent the message (RFC 4954, 5): must be taken, and may be left unused, as if it were `<>`.
bool take_auth(MailParameters&, std::string_view value) {
  return !value.empty() && std::ranges::all_of(value, [](char c) {
    return mail::is_printable(c) && c != ' ' && c != '=';
  });
}

struct Parameter {
  std::string_view name;
  bool needs_auth;  // announced by AUTH, which needs more than EHLO
  bool (*take)(MailParameters&, std::string_view value);
};

constexpr std::array<Parameter, 3> mail_parameters{{
    {"SIZE", false, take_size},
    {"BODY", false, take_body},
    {"AUTH", true, take_auth},
}};

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return word;
}

}  // namespace

Checked<MailParameters> parse_mail_parameters(std::string_view text, const Announced& announced) {
  MailParameters parameters;
  std::array<bool, mail_parameters.size()> is_seen{};
  while (!text.empty()) {
    const std::string_view word = take_word(text);
    const std::string_view name = word.substr(0, word.find('='));
    const std::string_view value = word.substr(std::min(name.size() + 1, word.size()));
    const auto* const known = std::ranges::find_if(mail_parameters, [&](const Parameter& one) {
      return mail::equals_ignoring_case(one.name, name);
    });
    if (!announced.is_extended || known == mail_parameters.end() ||
        (known->needs_auth && !announced.has_auth)) {
      return not_announced();
    }
    bool& seen = is_seen[static_cast<std::size_t>(known - mail_parameters.begin())];
    if (seen) return mail::Reply{501, {5, 5, 4}, "A parameter is there twice"};
    seen = true;
    if (!known->take(parameters, value)) return malformed(known->name);
  }
  return parameters;
}

Checked<RcptParameters> parse_rcpt_parameters(std::string_view text) {
  if (!text.empty()) return not_announced();
  return RcptParameters{};
}

}  // namespace postern::smtpd
