// What a store has promised, and when, in terms of the operations on its disk; and whether what is found after a crash
// keeps it:
//
// - A message that was accepted is there, whole and with its envelope, until its last recipient's final outcome was said.
// - What was never handed over is not there. What is there is as it was handed over.
// - A recipient is as some change said that the store was told of, and that change is no older than the last durable one.
//   A change that is waited for is durable once the answer is yes. One that nobody waits for is durable once anything
//   that was handed over after it is answered with yes, or all is flushed and nothing has failed: until then is the window
//   in which a power cut undoes it.
// - A report is there exactly if what it reports is.
// - What was refused does not come back, once anything that was handed over afterwards is answered with yes (the seal of
//   the new segment is durable then). Before that it may, whole: its bytes were on their way to the disk.
// - What a start has shown is as durable as if it had been answered with yes; and what it has not shown does not come
//   back, as if it had been refused.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "queue/store.h"

namespace postern::queue {

/// SHA-256.
using Digest = std::array<unsigned char, 32>;
[[nodiscard]] Digest digest_of(std::string_view bytes);

/// What the start of a store shows, put together as the queue does it.
class Shown : public Store::Visitor {
 public:
  struct Message {
    MessageHead head;
    std::vector<std::optional<Change>> changes;  // the last of each recipient
    [[nodiscard]] bool is_over() const;
  };

  void on_message(mail::MessageId id, const MessageHead& head) override;
  void on_update(const Update& update) override;

  [[nodiscard]] Update state_of(mail::MessageId id) const;
  /// All that waits, in words that can be compared.
  [[nodiscard]] std::map<mail::MessageId, std::string> waiting() const;

  std::map<mail::MessageId, Message> messages;
};

/// What a store gives for a message: its digest, or nothing when the damage in it is told to whoever reads it.
using Contents = std::map<mail::MessageId, std::optional<Digest>>;

class Promises {
 public:
  /// A moment: so many operations of the disk came before it, and so many other things that were said.
  struct When {
    std::size_t operations = SIZE_MAX;
    std::size_t turn = SIZE_MAX;
    [[nodiscard]] bool is_before(std::size_t crash) const { return operations <= crash; }
  };
  enum class Answer { none, yes, no };

  /// All of these `at` a number of operations. They give the number under which the answer is noted.
  std::size_t hand_over(mail::MessageId id, const MessageHead& head, std::string_view content,
                        std::size_t at);
  /// The change's `attempts` become its number, by which it is known again. `report`: the message that is durable with it.
  std::size_t say(mail::MessageId id, Change& change, std::size_t at,
                  std::optional<mail::MessageId> report = std::nullopt);
  void answer_message(std::size_t number, bool is_yes, std::size_t at);
  void answer_change(std::size_t number, bool is_yes, std::size_t at);
  void flushed(std::size_t at) { flushes_.push_back(now(at)); }

  /// What a crash after so many operations leaves unsaid is forgotten.
  void forget_after(std::size_t crash);
  /// A start has shown this: it stays so. What it has not shown stays away, as if it had been refused.
  void show(const Shown& shown, std::size_t at);

  /// The broken promises, in words, when the power fails after `crash` operations. `damaged`: for so many messages
  /// something may be missing, as bytes were changed on top of it; but nothing may be other than it was.
  [[nodiscard]] std::vector<std::string> broken(std::size_t crash, const Shown& shown,
                                                const Contents& contents,
                                                std::size_t damaged = 0) const;
  /// How many promises were made until then: two crashes between which none was are judged alike.
  [[nodiscard]] std::size_t made_until(std::size_t crash) const;
  std::size_t accepted() const;

 private:
  struct MessagePromise {
    mail::MessageId id;
    std::string envelope;
    Digest digest;
    std::uint32_t recipients = 0;
    When handed;
    When answered = {};
    Answer answer = Answer::none;
  };
  struct ChangePromise {
    mail::MessageId id;
    Change change;
    std::optional<mail::MessageId> report;
    When said;
    When answered = {};
    Answer answer = Answer::none;
  };
  class Judge;

  When now(std::size_t operations) {
    moments_.push_back(operations);
    return {operations, moments_.size()};
  }
  /// When something that was said after `turn` was answered with yes.
  [[nodiscard]] std::size_t yes_after(std::size_t turn) const;

  std::vector<MessagePromise> messages_;
  std::vector<ChangePromise> changes_;  // by number, from 1 on
  std::vector<When> flushes_;
  std::vector<std::size_t> moments_;  // of all that was said, by turn: the operations before it
  struct Yes {
    std::size_t said;      // turn
    std::size_t answered;  // operations
  };
  std::vector<Yes> yeses_;
};

}  // namespace postern::queue
