// What operators are shown of the queue, as frames. A message takes one frame after the other where it has much to show, so
// that nothing is left out: the first `max_frame_recipients` recipients, the next ones, ..., and at last its attempts. Each frame
// fits into net::max_frame, whatever strangers said.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mail/message_id.h"
#include "net/frames.h"
#include "queue/errand.h"
#include "queue/moment.h"
#include "queue/queue.h"
#include "queue/store.h"

namespace postern::queue {

inline constexpr std::size_t max_frame_recipients = 400;
inline constexpr std::size_t max_frame_attempts = 1000;
inline constexpr std::size_t max_shown_text =
    256;  // octets of a destination, a remote or an answer

/// These recipients of a message that is in the ledger. Each frame's envelope has a part of all recipients, so that one can
/// tell how many others there are. `stored` is null where the message cannot be read: then its addresses are shown with a
/// question mark for what only they say.
[[nodiscard]] std::vector<frames::QueuedMessage> described(Queue& queue, mail::MessageId id,
                                                           const StoredMessage* stored,
                                                           const std::vector<std::uint32_t>& which,
                                                           const Moment& now);

/// All of a message: besides, its header section, and its attempts, those that `history` still has, each told once.
[[nodiscard]] std::vector<frames::QueuedMessage> described_whole(Queue& queue, mail::MessageId id,
                                                                 const StoredMessage& stored,
                                                                 const std::vector<Update>& history,
                                                                 const Moment& now);

/// What an action did to a message; but the addresses are not told.
[[nodiscard]] std::vector<frames::QueuedMessage> described_deed(mail::MessageId id,
                                                                const Message& message,
                                                                const Deed& deed);

}  // namespace postern::queue
