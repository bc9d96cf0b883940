#include "smtpd/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "mail/ascii.h"
#include "mail/dsn_text.h"
#include "mail/utf8.h"

namespace postern::smtpd {
namespace {

constexpr std::size_t max_size_digits = 20;   // RFC 1870, 3
constexpr std::size_t max_envelope_id = 100;  // RFC 3461, 5.4: octets, in xtext

mail::Reply not_announced() { return {555, {5, 5, 4}, "A parameter is not known here"}; }

mail::Reply malformed(std::string_view name) {
  return {501, {5, 5, 4}, "The value of " + std::string(name) + " is malformed"};
}

// RFC 3461, 4: printable ASCII but for `+` and `=`, which stand as `+2B` and `+3D`, upper case only.
bool is_xtext(std::string_view text) {
  const auto is_hex = [](char c) { return mail::is_digit(c) || (c >= 'A' && c <= 'F'); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '=' || text[i] == ' ') return false;
    if (text[i] != '+') continue;
    if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

// What an xtext stands for, where that is printable: it will be written into reports. Octets outside ASCII are for the
// caller to judge.
std::optional<std::string> decode_xtext(std::string_view text) {
  if (!is_xtext(text)) return std::nullopt;
  std::string decoded = mail::from_xtext(text);
  const auto is_bad = [](char c) { return mail::is_ascii(c) && !mail::is_printable(c); };
  if (std::ranges::any_of(decoded, is_bad)) return std::nullopt;
  return decoded;
}

// ── MAIL ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

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
  return !value.empty() && decode_xtext(value);
}

bool take_utf8(MailParameters& parameters, std::string_view value) {
  parameters.is_utf8 = true;
  return value.empty();
}

bool take_ret(MailParameters& parameters, std::string_view value) {
  const bool is_full = mail::equals_ignoring_case(value, "FULL");
  parameters.dsn.ret = is_full ? mail::Return::full : mail::Return::headers;
  return is_full || mail::equals_ignoring_case(value, "HDRS");
}

bool take_envelope_id(MailParameters& parameters, std::string_view value) {
  const auto id = decode_xtext(value);
  parameters.dsn.envelope_id = value;
  return id && !id->empty() && mail::is_ascii(*id) && value.size() <= max_envelope_id;
}

// ── RCPT ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

bool take_notify(RcptParameters& parameters, std::string_view value) {
  mail::Notify& notify = parameters.notify;
  if (mail::equals_ignoring_case(value, "NEVER")) return notify.never = true;
  const std::array<std::pair<std::string_view, bool*>, 3> kinds{
      {{"SUCCESS", &notify.success}, {"FAILURE", &notify.failure}, {"DELAY", &notify.delay}}};
  for (;;) {
    const std::string_view word = value.substr(0, value.find(','));
    const auto* const kind = std::ranges::find_if(
        kinds, [&](const auto& one) { return mail::equals_ignoring_case(one.first, word); });
    if (kind == kinds.end()) return false;
    *kind->second = true;
    if (word.size() == value.size()) return true;
    value.remove_prefix(word.size() + 1);
  }
}

// `rfc822;Bob+2Bx@b.example`. The address is not looked at: it may be of a mail system that is not ours (RFC 3461, 4.2).
// Outside ASCII it is of type utf-8 (RFC 6533, 3), and raw octets are for transactions with SMTPUTF8.
bool take_original(RcptParameters& parameters, std::string_view value) {
  const std::string_view type = value.substr(0, value.find(';'));
  const bool is_type = !type.empty() && std::ranges::all_of(type, [](char c) {
    return mail::is_letter(c) || mail::is_digit(c) || c == '-';
  });
  if (!is_type || type.size() == value.size() || value.size() > mail::max_original) return false;
  const auto address = decode_xtext(value.substr(type.size() + 1));
  if (!address || address->empty() || !mail::is_utf8_text(*address)) return false;
  parameters.original = value;
  return mail::is_ascii(*address) || mail::equals_ignoring_case(type, "utf-8");
}

// ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

template <class Parameters>
struct Known {
  std::string_view name;
  bool needs_auth;  // announced by AUTH, which needs more than EHLO
  bool (*take)(Parameters&, std::string_view value);
};

constexpr std::array<Known<MailParameters>, 6> mail_parameters{{
    {"SIZE", false, take_size},
    {"BODY", false, take_body},
    {"SMTPUTF8", false, take_utf8},
    {"RET", false, take_ret},
    {"ENVID", false, take_envelope_id},
    {"AUTH", true, take_auth},
}};

constexpr std::array<Known<RcptParameters>, 2> rcpt_parameters{{
    {"NOTIFY", false, take_notify},
    {"ORCPT", false, take_original},
}};

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return word;
}

template <class Parameters, std::size_t count>
Checked<Parameters> parse(const std::array<Known<Parameters>, count>& all, std::string_view text,
                          const Announced& announced) {
  Parameters parameters;
  std::array<bool, count> is_seen{};
  while (!text.empty()) {
    const std::string_view word = take_word(text);
    const std::string_view name = word.substr(0, word.find('='));
    const std::string_view value = word.substr(std::min(name.size() + 1, word.size()));
    const auto* const known = std::ranges::find_if(
        all, [&](const auto& one) { return mail::equals_ignoring_case(one.name, name); });
    if (!announced.is_extended || known == all.end() ||
        (known->needs_auth && !announced.has_auth)) {
      return not_announced();
    }
    bool& seen = is_seen[static_cast<std::size_t>(known - all.begin())];
    if (seen) return mail::Reply{501, {5, 5, 4}, "A parameter is there twice"};
    seen = true;
    if (!known->take(parameters, value)) return malformed(known->name);
  }
  return parameters;
}

}  // namespace

Checked<MailParameters> parse_mail_parameters(std::string_view text, const Announced& announced) {
  return parse(mail_parameters, text, announced);
}

Checked<RcptParameters> parse_rcpt_parameters(std::string_view text, const Announced& announced,
                                              bool is_utf8) {
  auto parameters = parse(rcpt_parameters, text, announced);
  if (parameters && !is_utf8 && !mail::is_ascii(parameters->original)) return malformed("ORCPT");
  return parameters;
}

}  // namespace postern::smtpd
