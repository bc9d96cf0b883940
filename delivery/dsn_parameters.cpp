#include "delivery/dsn_parameters.h"

#include "mail/dsn_text.h"

namespace postern::delivery {
namespace {

void append(std::string_view keyword, std::string_view value, std::string& out) {
  if (!value.empty()) out.append(1, ' ').append(keyword).append(1, '=').append(value);
}

std::string original_of(const mail::Recipient& recipient, bool in_utf8) {
  if (recipient.original.empty()) {
    return recipient.notify.is_unsaid() ? std::string() : mail::original_of(recipient.mailbox);
  }
  return in_utf8 ? recipient.original : mail::with_embedded_unicode(recipient.original);
}

}  // namespace

void append_dsn(const mail::DsnOptions& options, std::string& out) {
  append("RET", mail::text_of(options.ret), out);
  append("ENVID", options.envelope_id, out);
}

void append_dsn(const mail::Recipient& recipient, bool in_utf8, std::string& out) {
  append("NOTIFY", mail::text_of(recipient.notify), out);
  const std::string original = original_of(recipient, in_utf8);
  if (original.size() <= mail::max_original) append("ORCPT", original, out);
}

}  // namespace postern::delivery
