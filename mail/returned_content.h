// What a report brings back of the message that it is about: all of it, or its header section.
//
// Only a report of a failure brings back all (RFC 3461, 4.3). What the sender asked for counts: RET=HDRS, RET=FULL. Who
// asked for nothing gets a small message back whole, so that printers and scripts, which keep no copy, lose nothing.
//
// But a report is lost where it is refused, and it often goes to the very hop that refused the message. So what a hop refused
// for its size or octets is not sent there again; and unasked only a 7-bit message is, that failed by its addresses, a mailbox
// or the network, and not perhaps by what stands in it.
#pragma once

#include <cstddef>
#include <string>

#include "mail/report.h"

namespace postern::mail {

// In octets. What is larger is not returned whole: the report is put together in memory.
inline constexpr std::size_t max_returned_message = 1024 * 1024;  // RET=FULL
inline constexpr std::size_t max_unasked_message = 100 * 1024;    // without RET
/// What is longer ends with its last whole line before that.
inline constexpr std::size_t max_returned_header = 64 * 1024;

struct ReturnedContent {
  bool is_whole = false;
  std::string part;  // with the fields of its MIME header
};

[[nodiscard]] ReturnedContent returned_content(Action action, const ReportedMessage& message);

}  // namespace postern::mail
