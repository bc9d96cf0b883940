// What the files of a spool are called; `queue/log_store.h` says what they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mail/message_id.h"

namespace postern::queue {

inline constexpr std::string_view lock_name = "lock";
inline constexpr std::string_view mark_name = "mark";
inline constexpr std::string_view damaged_name = "damaged";
/// What `Disk::replace` leaves behind when it is interrupted.
inline constexpr std::string_view mark_leftover = "mark.new";

[[nodiscard]] std::string segment_name(std::uint32_t number);  // `00000001.log`
[[nodiscard]] std::string content_name(mail::MessageId id);    // `ID.msg`

inline constexpr std::uint32_t max_segment_number = 2'000'000'000;  // two billion times 64 MiB

/// The number of the segment, or the id of the message, whose file has this name; nothing: it is none.
[[nodiscard]] std::optional<std::uint32_t> segment_number(std::string_view name);
[[nodiscard]] std::optional<mail::MessageId> content_id(std::string_view name);

}  // namespace postern::queue
