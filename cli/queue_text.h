// What is in the queue, for people to read. A remote's words stand behind its name; Postern's own in parentheses.
#pragma once

#include <string>
#include <string_view>

#include "net/frames.h"

namespace postern::cli {

[[nodiscard]] std::string_view name_of(frames::RecipientState state);

/// In UTC (RFC 3339).
[[nodiscard]] std::string time_text(frames::system_clock::time_point time);

/// `1 message`, `2 messages`
[[nodiscard]] std::string counted(std::size_t count, std::string_view noun);

/// A few lines, as `queue list` prints them.
[[nodiscard]] std::string summary_text(const frames::QueuedMessage& message);

/// Everything, as `queue show` prints it.
[[nodiscard]] std::string whole_text(const frames::QueuedMessage& message);

/// How many attempts at this recipient were made before those that are shown: the store does not keep all of them.
[[nodiscard]] std::uint32_t forgotten_attempts(const frames::QueuedMessage& message,
                                               std::uint32_t recipient);

/// `SUCCESS,DELAY`, as NOTIFY has it (RFC 3461, 4.1); empty: the sender did not say.
[[nodiscard]] std::string notify_text(const mail::Notify& notify);
/// `FULL` or `HDRS`, as RET has it (4.3); empty: the sender did not say.
[[nodiscard]] std::string_view return_text(mail::Return ret);

}  // namespace postern::cli
