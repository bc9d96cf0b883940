// What a DKIM-Signature that a message already bears has to say to whoever would change the message (RFC 6376).
#pragma once

#include <string_view>
#include <vector>

namespace postern::mail {

/// The field names in the tag h= of a DKIM-Signature's value (RFC 6376, 3.5): to add, remove or change one of them breaks the
/// signature. Views into `value`; none where it has no such tag, and so is no signature.
[[nodiscard]] std::vector<std::string_view> signed_fields(std::string_view value);

}  // namespace postern::mail
