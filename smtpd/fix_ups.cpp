#include "smtpd/fix_ups.h"

#include <algorithm>
#include <array>
#include <set>

#include "mail/address_list.h"
#include "mail/ascii.h"
#include "mail/date.h"
#include "mail/dkim_signature.h"
#include "mail/folding.h"
#include "smtpd/sender_binding.h"

namespace postern::smtpd {
namespace {

using mail::Reply;

constexpr std::size_t max_quoted = 80;  // octets of a field's name in a reply

enum class Rule : std::uint8_t {
  none,
  hidden,
  dropped,
  received,
  date,
  message_id,
  addresses,
  author
};

struct NamedRule {
  std::string_view name;
  Rule rule;
};

// RFC 6409, 8 leaves Bcc to local policy: whoever is named there must not be seen by the others. Return-Path is for the
// last server to write (RFC 5321, 4.4).
constexpr std::array<NamedRule, 16> rules{{
    {"Received", Rule::received},
    {"Date", Rule::date},
    {"Message-ID", Rule::message_id},
    {"From", Rule::author},
    {"To", Rule::addresses},
    {"Cc", Rule::addresses},
    {"Sender", Rule::addresses},
    {"Reply-To", Rule::addresses},
    {"Resent-From", Rule::addresses},
    {"Resent-Sender", Rule::addresses},
    {"Resent-Reply-To", Rule::addresses},
    {"Resent-To", Rule::addresses},
    {"Resent-Cc", Rule::addresses},
    {"Bcc", Rule::hidden},
    {"Resent-Bcc", Rule::hidden},
    {"Return-Path", Rule::dropped},
}};

Rule rule_of(const mail::HeaderField& field) {
  const auto* const found = std::ranges::find_if(
      rules, [&](const NamedRule& rule) { return is_named(field, rule.name); });
  return found == rules.end() ? Rule::none : found->rule;
}

// RFC 5321, 4.4: `client.example ([192.0.2.1])`. A greeting that is no domain is replaced by the address: nothing that a
// client made up gets into the header.
std::string from_clause(const mail::Origin& origin) {
  const bool is_v6 = origin.client.find(':') != std::string::npos;
  const std::string literal = (is_v6 ? "[IPv6:" : "[") + origin.client + ']';
  const auto domain = mail::parse_domain(origin.helo);
  return "from " + (domain ? *domain : literal) + " (" + literal + ")";
}

// As others write it: `(version=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384)`.
std::string tls_comment(std::string_view tls) {
  const auto space = tls.find(' ');
  if (space == std::string_view::npos) return {};
  return "\r\n\t(version=" + std::string(tls.substr(0, space)) +
         " cipher=" + std::string(tls.substr(space + 1)) + ')';
}

std::string received_field(const mail::Envelope& envelope, const Stamp& stamp,
                           const std::string& date) {
  std::string field = "Received: ";
  const bool is_hidden = stamp.hide_client && !envelope.origin.login.empty();
  if (!is_hidden) field += from_clause(envelope.origin) + "\r\n\t";
  field += "by " + stamp.hostname + " with " + stamp.protocol + " id " + stamp.id.text();
  // With several, `for` would tell each of them about another (RFC 5321, 7.2).
  if (envelope.recipients.size() == 1) {
    field += "\r\n\tfor <" + envelope.recipients.front().mailbox.text() + '>';
  }
  if (!is_hidden) field += tls_comment(envelope.origin.tls);
  return field + ";\r\n\t" + date + "\r\n";
}

std::string lower(std::string_view name) {
  std::string text(name);
  std::ranges::transform(text, text.begin(), mail::to_lower);
  return text;
}

class Fixer {
 public:
  Fixer(const std::vector<mail::HeaderField>& fields, const Submitter& submitter)
      : fields_(fields), submitter_(submitter) {
    for (const mail::HeaderField& field : fields) {
      if (!is_named(field, "DKIM-Signature")) continue;
      for (const std::string_view name : mail::signed_fields(field.value)) {
        covered_.insert(lower(name));
      }
    }
  }

  Checked<std::string> fix(const Additions& additions) {
    out_ = additions.received;
    for (const mail::HeaderField& field : fields_) {
      const Rule rule = rule_of(field);
      ++count_[static_cast<std::size_t>(rule)];
      if (auto refusal = pass(field, rule)) return std::move(*refusal);
    }
    if (count(Rule::received) > max_received_fields) {
      return Reply{554, {5, 4, 6}, "The message goes round in circles: too many Received fields"};
    }
    const bool may_add_from = !additions.from.empty() && !is_covered("From");
    if (is_bound() && count(Rule::author) == 0 && !may_add_from) {
      return malformed("it has no From field");
    }
    if (is_missing(Rule::author, "From")) out_ += additions.from;
    if (is_missing(Rule::date, "Date")) out_ += additions.date;
    if (is_missing(Rule::message_id, "Message-ID")) out_ += additions.message_id;
    return std::move(out_);
  }

 private:
  std::size_t count(Rule rule) const { return count_[static_cast<std::size_t>(rule)]; }
  bool is_bound() const { return submitter_.identity && !submitter_.identity->any_sender; }

  bool is_covered(std::string_view name) const { return covered_.contains(lower(name)); }

  // A signature may cover that a field is not there (RFC 6376, 5.4.2).
  bool is_missing(Rule rule, std::string_view name) const {
    return count(rule) == 0 && !is_covered(name);
  }

  std::optional<Reply> pass(const mail::HeaderField& field, Rule rule) {
    const bool may_change = covered_.empty() || !is_covered(field.name);
    switch (rule) {
      case Rule::hidden:
        if (may_change) return std::nullopt;
        return malformed("its DKIM-Signature covers " + std::string(field.name) +
                         ", which must not reach the recipients: sign without it");
      case Rule::dropped:
        return may_change ? std::nullopt : append(field.raw, may_change);
      case Rule::addresses:
      case Rule::author:
        return pass_addresses(field, rule, may_change);
      default:
        return append(field.raw, may_change);
    }
  }

  std::optional<Reply> pass_addresses(const mail::HeaderField& field, Rule rule, bool may_change) {
    std::string value(field.value);
    auto addresses = mail::parse_address_list(value);
    if (may_change && addresses && !submitter_.domain.empty() &&
        std::ranges::any_of(*addresses, [](const auto& one) { return !one.has_domain; })) {
      value = mail::qualify(value, *addresses, submitter_.domain);
      addresses = mail::parse_address_list(value);
    }
    if (rule == Rule::author && is_bound()) {
      if (auto refusal = refusal_of_authors(*submitter_.identity, addresses)) return refusal;
    }
    const auto raw = [&] { return std::string(field.name) + ':' + value + "\r\n"; };
    if (may_change && addresses && mail::has_long_line(raw())) value = spread(value, *addresses);
    return append(raw(), may_change);
  }

  // Statement 43: a line that is too long is folded, or refused.
  std::optional<Reply> append(std::string_view raw, bool may_change) {
    if (!mail::has_long_line(raw)) {
      out_ += raw;
      return std::nullopt;
    }
    const auto folded = may_change ? mail::refold(raw) : std::nullopt;
    if (!folded) {
      const std::string name(raw.substr(0, std::min(raw.find(':'), max_quoted)));
      return malformed("a line of its field " + name +
                       " is longer than 998 octets and cannot be folded");
    }
    out_ += *folded;
    return std::nullopt;
  }

  const std::vector<mail::HeaderField>& fields_;
  const Submitter& submitter_;
  // Names, in lower case, by the DKIM-Signatures that the message bears. 100,000 of them fit into a header section, which has
  // up to 1,000 fields: a list would cost a client's whim 100 million comparisons.
  std::set<std::string> covered_;
  std::array<std::size_t, 8> count_{};  // of fields, by rule
  std::string out_;
};

}  // namespace

Additions additions(const mail::Envelope& envelope, const Stamp& stamp) {
  const std::string date = mail::date_text(stamp.now);
  return {received_field(envelope, stamp, date), "Date: " + date + "\r\n",
          "Message-ID: <" + stamp.id.text() + '@' + stamp.hostname + ">\r\n",
          envelope.reverse_path ? "From: " + text_of(envelope.reverse_path) + "\r\n" : ""};
}

mail::Reply malformed(const std::string& reason) {
  return {550, {5, 6, 0}, "The message is malformed: " + reason};
}

Checked<std::string> fix_up(const std::vector<mail::HeaderField>& fields,
                            const Additions& additions, const Submitter& submitter) {
  return Fixer(fields, submitter).fix(additions);
}

}  // namespace postern::smtpd
