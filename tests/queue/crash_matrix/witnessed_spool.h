// A store with just so much of a queue and its clients around it as it takes to use it; all that it promises is noted.
#pragma once

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "promises.h"
#include "queue/log_store.h"
#include "simulated_disk.h"

namespace postern::queue {

/// A store in a directory, opened and recovered, with its loop.
class OpenedStore {
 public:
  OpenedStore(std::unique_ptr<Disk> disk, std::uint64_t segment_size);

  /// Turns the loop until nothing is under way; and at most until `is_enough`.
  void run(const std::function<bool()>& is_enough = nullptr);
  /// As the queue does after the start: what has ended is released.
  void release_what_is_over();
  /// Of all that waits.
  [[nodiscard]] Contents contents();
  [[nodiscard]] std::optional<Digest> content_of(mail::MessageId id);

  boost::asio::io_context loop{net::one_thread};
  std::unique_ptr<LogStore> store;
  std::optional<frames::CannotStart> cannot_start;
  Shown shown;  // at the start; then kept up to date
};

class WitnessedSpool {
 public:
  /// `before`: how many operations there were on the disk when this store is opened; what it shows is a promise too.
  WitnessedSpool(std::unique_ptr<Disk> disk, const Recorder& recorder, std::size_t before,
                 Promises& promises, std::uint64_t segment_size);

  [[nodiscard]] bool is_open() const { return !opened_.cannot_start; }

  /// Hands over a message, whose content nobody else has. Its answer is known after `run`.
  mail::MessageId accept(std::size_t size, std::size_t recipients = 1);
  /// The first recipient that waits bounces, and a report of it is handed over.
  void accept_report(mail::MessageId about);
  /// What becomes of a recipient. `is_awaited`: nothing is believed before it is durable.
  void settle(mail::MessageId id, std::uint32_t recipient, RecipientState state,
              bool is_awaited = false);
  /// All recipients that are not final.
  void settle_all(mail::MessageId id, RecipientState state, bool is_awaited = false);
  void run();

  /// What was accepted and waits, oldest first.
  [[nodiscard]] std::vector<mail::MessageId> waiting() const;
  /// No awaited outcome of it is under way, nor a report.
  [[nodiscard]] bool is_at_rest(mail::MessageId id) const { return !under_way_.contains(id); }
  [[nodiscard]] const Shown::Message& message(mail::MessageId id) const {
    return opened_.shown.messages.at(id);
  }
  /// What has ended since is not in it.
  [[nodiscard]] const Shown& shown() const { return opened_.shown; }

 private:
  [[nodiscard]] std::size_t now() const { return before_ + recorder_.size(); }
  mail::MessageId accept(std::size_t size, mail::Envelope envelope, std::optional<Update> reports,
                         std::size_t change);
  void apply(const Update& update);

  const Recorder& recorder_;
  std::size_t before_;
  Promises& promises_;
  OpenedStore opened_;
  std::multiset<mail::MessageId> under_way_;
  std::uint64_t last_id_;
};

}  // namespace postern::queue
