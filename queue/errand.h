// What an operator asked for, done to one message after another: flush, hold, release, delete, bounce. All but flush, which
// changes nothing that lasts, is on disk before it counts as done, and is logged then, for each recipient, with who did it.
//
// What is being delivered right now cannot be taken back: it is neither deleted nor bounced. Told to hold it, the errand lets
// that attempt come to its end; if nothing final comes of it, the recipient is held. So it is written down at once, and so a
// restart finds it.
//
// Held recipients do not expire. One that is released is due at once, and is tried once more even if it is older than
// `expire` by then (after a restart that is promised only for `first_retry`).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "mail/message_id.h"
#include "net/frames.h"
#include "queue/moment.h"
#include "queue/queue.h"
#include "queue/reporter.h"
#include "queue/store.h"

namespace postern::queue {

/// What becomes of the recipients of one message.
struct Deed {
  std::vector<std::uint32_t> done;  // these are in `state` afterwards
  RecipientState state = RecipientState::waiting;
  std::vector<std::uint32_t> lent;  // these are being delivered, and go on
  bool is_lent_concerned = false;   // but become `state` if nothing final comes of it

  bool is_empty() const { return done.empty() && lent.empty(); }
  bool is_doing() const { return !done.empty() || (is_lent_concerned && !lent.empty()); }
};

class Errand : public std::enable_shared_from_this<Errand> {
 public:
  /// `by`: the operator, for the log. The three outlive it.
  Errand(Store& store, Queue& queue, Reporter& reporter, frames::QueueAction action, std::string by)
      : store_(store), queue_(queue), reporter_(reporter), action_(action), by_(std::move(by)) {}

  /// The log names the addresses of those whose fate this decides.
  [[nodiscard]] bool needs_envelope() const { return action_ != frames::QueueAction::flush; }

  /// To whom of these recipients it can be done.
  [[nodiscard]] Deed deed_for(const Message& message,
                              const std::vector<std::uint32_t>& recipients) const;
  /// Does it, to a message in the ledger. `envelope` is null where the message cannot be read. `done` is called once, perhaps
  /// at once.
  void act(mail::MessageId id, const Deed& deed, const mail::Envelope* envelope, const Moment& now,
           Store::Done done);

 private:
  [[nodiscard]] bool concerns(const Recipient& recipient) const;
  [[nodiscard]] Change change_of(mail::MessageId id, std::uint32_t index, const Moment& now);
  void flush(mail::MessageId id, const Deed& deed, const Moment& now);
  void wake(const std::string& destination, const Moment& now);
  void write(mail::MessageId id, const Deed& deed, std::vector<std::string> addresses,
             const Moment& now, Store::Done done);
  void log_each(mail::MessageId id, const std::vector<std::string>& addresses) const;

  Store& store_;
  Queue& queue_;
  Reporter& reporter_;
  frames::QueueAction action_;
  std::string by_;
  // Each is woken once in an errand: a dead one would be dialled again for every slice of a long errand.
  std::unordered_set<std::string> woken_;
};

}  // namespace postern::queue
