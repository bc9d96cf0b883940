// What happened to a message, read back from the log.
#pragma once

#include <vector>

#include "queue/log_index.h"
#include "queue/log_reader.h"
#include "queue/record.h"

namespace postern::queue {

/// Of what is written down again about a message that moves, so many bytes may tell of earlier attempts.
inline constexpr std::size_t max_moved_history = 16 * 1024;

/// The updates that are remembered, oldest first; without those that cannot be read.
[[nodiscard]] std::vector<Update> history_of(mail::MessageId id, const LogIndex& index,
                                             LogReader& reader);

/// One update that says how things stand, and before that, as far as it fits, how it came to that.
[[nodiscard]] Update told_again(const std::vector<Update>& history, Update state);

}  // namespace postern::queue
