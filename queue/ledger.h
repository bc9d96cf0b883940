// What waits, in memory: of every message just so much as it takes to decide what is done with it next. A million
// messages must fit into half a GiB, so neither content nor mailboxes are here (the store has them), and domains
// and other names that repeat are kept once.
#pragma once

#include <boost/container/small_vector.hpp>
#include <boost/flyweight.hpp>
#include <boost/flyweight/no_locking.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "mail/message_id.h"
#include "queue/moment.h"
#include "queue/record.h"
#include "queue/store.h"

namespace postern::queue {

/// A string of which equal ones share one copy. For the loop's thread only.
using Name = boost::flyweight<std::string, boost::flyweights::no_locking>;

/// What was said last about a recipient. Servers say the same about many: equal words are kept once, whenever they were said.
class LastAnswer {
 public:
  LastAnswer() = default;  // nothing yet
  explicit LastAnswer(const Answer& answer);

  bool is_given() const { return !words_.get().empty(); }
  [[nodiscard]] std::optional<Answer> get() const;
  [[nodiscard]] Answer value_or(const Answer& other) const { return get().value_or(other); }

 private:
  Name words_;  // an Answer, encoded, without its time
  WallTime time_;
};

struct Recipient {
  Name domain;
  Name destination;
  SteadyTime due;
  LastAnswer answer;
  std::uint32_t attempts = 0;
  RecipientState state = RecipientState::waiting;
  bool is_to_be_held = false;    // leased: held as soon as it is given back
  bool is_owed_attempt = false;  // released, and not tried since: does not expire

  bool is_final() const { return frames::is_final(state); }
  bool may_expire() const { return state == RecipientState::waiting && !is_owed_attempt; }
};

struct Message {
  SteadyTime arrival;      // as far as it expires by it (`queue/ages.h`)
  WallTime accepted;       // as it was written down
  std::uint64_t size = 0;  // bytes of content
  Name sender_domain;      // of the reverse-path; empty: `<>`
  Name login;
  boost::container::small_vector<Recipient, 1> recipients;  // in the order of the envelope
  bool is_warned = false;
  bool is_damaged = false;  // kept, but not delivered

  [[nodiscard]] bool is_over() const;
};

class Ledger : public Store::Visitor {
 public:
  /// `now` and `max_retry`: how times that were written down are to be understood.
  Ledger(const Moment& now, std::chrono::seconds max_retry) : now_(now), max_retry_(max_retry) {}

  void at(const Moment& now) { now_ = now; }
  void retry_within(std::chrono::seconds max_retry) { max_retry_ = max_retry; }
  void on_message(mail::MessageId id, const MessageHead& head) override;
  /// Whatever its order: a recipient that was delivered, bounced or deleted stays so.
  void on_update(const Update& update) override;

  /// All that differs from how the message came in, as it is to be written down again.
  [[nodiscard]] Update state_of(mail::MessageId id) const;

  [[nodiscard]] Message* find(mail::MessageId id);
  void erase(mail::MessageId id) { messages_.erase(id); }

  /// By id, and so nearly by age.
  std::map<mail::MessageId, Message>& messages() { return messages_; }
  std::size_t size() const { return messages_.size(); }

 private:
  Moment now_;
  std::chrono::seconds max_retry_;
  std::map<mail::MessageId, Message> messages_;
};

}  // namespace postern::queue
