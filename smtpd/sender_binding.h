// Who a message says it is from, held against who sends it.
#pragma once

#include <optional>
#include <vector>

#include "mail/address_list.h"
#include "mail/identity.h"
#include "mail/reply.h"

namespace postern::smtpd {

/// Why a login may not send with a From field that has these addresses (statement 30). Nothing: it may, each is its own.
[[nodiscard]] std::optional<mail::Reply> refusal_of_authors(
    const mail::Identity& identity, const mail::Parsed<std::vector<mail::ListedAddress>>& authors);

}  // namespace postern::smtpd
