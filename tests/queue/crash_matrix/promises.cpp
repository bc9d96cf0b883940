#include "promises.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <set>

#include "net/codec.h"

namespace postern::queue {

Digest digest_of(std::string_view bytes) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  return digest;
}

bool Shown::Message::is_over() const {
  return std::ranges::all_of(
      changes, [](const auto& change) { return change && frames::is_final(change->state); });
}

void Shown::on_message(mail::MessageId id, const MessageHead& head) {
  if (messages.contains(id)) return;
  Message message{head, {}};
  message.changes.resize(head.envelope.recipients.size());
  messages.emplace(id, std::move(message));
}

void Shown::on_update(const Update& update) {
  const auto entry = messages.find(update.id);
  if (entry == messages.end()) return;
  for (const Change& change : update.changes) entry->second.changes.at(change.recipient) = change;
}

Update Shown::state_of(mail::MessageId id) const {
  Update update{id, {}, false};
  const auto entry = messages.find(id);
  if (entry == messages.end()) return update;
  for (const auto& change : entry->second.changes) {
    if (change) update.changes.push_back(*change);
  }
  return update;
}

std::map<mail::MessageId, std::string> Shown::waiting() const {
  std::map<mail::MessageId, std::string> waiting;
  for (const auto& [id, message] : messages) {
    if (message.is_over()) continue;
    std::string& text = waiting[id] =
        fmt::format("{} of {} bytes to {}:", id.text(), message.head.size,
                    message.head.envelope.recipients.size());
    for (const auto& change : message.changes) {
      text += change ? fmt::format(" {} {}", static_cast<int>(change->state), change->answer.remote)
                     : " -";
    }
  }
  return waiting;
}

std::size_t Promises::hand_over(mail::MessageId id, const MessageHead& head,
                                std::string_view content, std::size_t at) {
  messages_.push_back({id, net::encode(head.envelope), digest_of(content),
                       static_cast<std::uint32_t>(head.envelope.recipients.size()), now(at)});
  return messages_.size();
}

std::size_t Promises::say(mail::MessageId id, Change& change, std::size_t at,
                          std::optional<mail::MessageId> report) {
  change.attempts = static_cast<std::uint32_t>(changes_.size() + 1);
  change.answer.remote = fmt::format("said {} of {}", change.attempts, id.text());
  changes_.push_back({id, change, report, now(at)});
  return changes_.size();
}

void Promises::answer_message(std::size_t number, bool is_yes, std::size_t at) {
  MessagePromise& promise = messages_.at(number - 1);
  promise.answered = now(at);
  promise.answer = is_yes ? Answer::yes : Answer::no;
  if (is_yes) yeses_.push_back({promise.handed.turn, at});
}

void Promises::answer_change(std::size_t number, bool is_yes, std::size_t at) {
  ChangePromise& promise = changes_.at(number - 1);
  promise.answered = now(at);
  promise.answer = is_yes ? Answer::yes : Answer::no;
  if (is_yes) yeses_.push_back({promise.said.turn, at});
}

void Promises::forget_after(std::size_t crash) {
  const auto is_unsaid = [crash](const When& when) { return !when.is_before(crash); };
  std::erase_if(messages_, [&](const auto& one) { return is_unsaid(one.handed); });
  std::erase_if(changes_, [&](const auto& one) { return is_unsaid(one.said); });
  std::erase_if(flushes_, is_unsaid);
  std::erase_if(yeses_, [crash](const Yes& yes) { return yes.answered > crash; });
  const auto forget_answer = [&](auto& promise) {
    if (is_unsaid(promise.answered)) promise.answered = {}, promise.answer = Answer::none;
  };
  std::ranges::for_each(messages_, forget_answer);
  std::ranges::for_each(changes_, forget_answer);
  moments_.resize(made_until(crash));
}

void Promises::show(const Shown& shown, std::size_t at) {
  const When now = this->now(at);
  const auto answer = [now](auto& promise, Answer given) {
    if (promise.answer == given) return;
    promise.answer = given;
    promise.answered = now;
  };
  for (MessagePromise& promise : messages_) {
    if (promise.answer == Answer::yes) continue;
    answer(promise, shown.messages.contains(promise.id) ? Answer::yes : Answer::no);
  }
  for (std::size_t n = 1; n <= changes_.size(); ++n) {
    ChangePromise& promise = changes_[n - 1];
    if (promise.answer == Answer::yes) continue;
    const auto message = shown.messages.find(promise.id);
    if (message == shown.messages.end()) {
      if (promise.answer == Answer::none) answer(promise, Answer::yes);  // it has ended
      continue;
    }
    const auto& found = message->second.changes.at(promise.change.recipient);
    const std::size_t last = found ? found->attempts : 0;
    if (last <= n) answer(promise, last == n ? Answer::yes : Answer::no);
  }
}

std::size_t Promises::made_until(std::size_t crash) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(moments_, [crash](std::size_t moment) { return moment <= crash; }));
}

std::size_t Promises::accepted() const {
  return static_cast<std::size_t>(std::ranges::count_if(
      messages_, [](const MessagePromise& one) { return one.answer == Answer::yes; }));
}

std::size_t Promises::yes_after(std::size_t turn) const {
  std::size_t first = SIZE_MAX;
  for (const Yes& yes : yeses_) {
    if (yes.said > turn) first = std::min(first, yes.answered);
  }
  return first;
}

// One crash, and what was found after it.
class Promises::Judge {
 public:
  Judge(const Promises& promises, std::size_t crash, const Shown& shown, const Contents& contents,
        std::size_t damaged)
      : promises_(promises),
        crash_(crash),
        shown_(shown),
        contents_(contents),
        tolerance_(damaged) {}

  std::vector<std::string> judge() {
    for (const MessagePromise& promise : promises_.messages_) judge(promise);
    for (const ChangePromise& change : promises_.changes_) {
      if (change.report && change.said.is_before(crash_)) judge_report(change);
    }
    for (const auto& [id, message] : shown_.messages) {
      if (!known_.contains(id)) complain(id, "was never handed over");
    }
    return std::move(broken_);
  }

 private:
  void complain(mail::MessageId id, std::string_view what) {
    broken_.push_back(fmt::format("{} {}", id.text(), what));
  }
  /// The same, of what is missing: that much is excused.
  void miss(mail::MessageId id, std::string_view what) {
    if (excused_.contains(id) || excused_.size() < tolerance_) {
      excused_.insert(id);
    } else {
      complain(id, what);
    }
  }

  [[nodiscard]] bool has_content_of(const MessagePromise& promise) {
    const auto content = contents_.find(promise.id);
    if (content == contents_.end() || !content->second) return false;
    if (*content->second != promise.digest) complain(promise.id, "is not as it was handed over");
    return true;
  }

  void judge(const MessagePromise& promise) {
    if (!promise.handed.is_before(crash_)) return;
    known_.insert(promise.id);
    const bool is_accepted = promise.answer == Answer::yes && promise.answered.is_before(crash_);
    const auto found = shown_.messages.find(promise.id);
    if (found == shown_.messages.end()) {
      if (is_accepted && !may_have_ended(promise)) miss(promise.id, "was accepted and is lost");
      return;
    }
    const Shown::Message& message = found->second;
    if (net::encode(message.head.envelope) != promise.envelope) {
      return complain(promise.id, "has another envelope");
    }
    for (std::uint32_t i = 0; i < promise.recipients; ++i) judge(promise.id, i, message.changes[i]);
    if (message.is_over()) return;
    if (!has_content_of(promise)) {
      is_accepted ? miss(promise.id, "was accepted and cannot be read")
                  : complain(promise.id, "is torn");
    }
    if (is_sealed(promise.answer, promise.answered)) {
      miss(promise.id, "was refused, sealed away, and came back");
    }
  }

  /// Refused, and so long ago that it cannot come back.
  [[nodiscard]] bool is_sealed(Answer answer, When answered) const {
    return answer == Answer::no && answered.is_before(crash_) &&
           promises_.yes_after(answered.turn) <= crash_;
  }

  [[nodiscard]] bool may_have_ended(const MessagePromise& promise) const {
    for (std::uint32_t i = 0; i < promise.recipients; ++i) {
      const bool has_ended = std::ranges::any_of(promises_.changes_, [&](const auto& one) {
        return one.id == promise.id && one.change.recipient == i && one.said.is_before(crash_) &&
               frames::is_final(one.change.state) && !is_sealed(one.answer, one.answered);
      });
      if (!has_ended) return false;
    }
    return true;
  }

  [[nodiscard]] bool is_durable(const ChangePromise& change) const {
    if (change.answer == Answer::no) return false;
    if (change.answer == Answer::yes && change.answered.is_before(crash_)) return true;
    if (promises_.yes_after(change.said.turn) <= crash_) return true;
    return std::ranges::any_of(promises_.flushes_, [&](const When& flush) {
      return flush.turn > change.said.turn && flush.is_before(crash_);
    });
  }

  void judge(mail::MessageId id, std::uint32_t recipient, const std::optional<Change>& found) {
    const std::size_t number = found ? found->attempts : 0;
    for (std::size_t n = promises_.changes_.size(); n > number; --n) {
      const ChangePromise& later = promises_.changes_[n - 1];
      if (later.id != id || later.change.recipient != recipient) continue;
      if (!later.said.is_before(crash_) || !is_durable(later)) continue;
      return miss(id, fmt::format("change {} was durable and is undone", n));
    }
    if (!found) return;
    if (number == 0 || number > promises_.changes_.size()) {
      return complain(id, "has a state that nobody gave it");
    }
    const ChangePromise& promise = promises_.changes_[number - 1];
    if (promise.id != id || !promise.said.is_before(crash_) ||
        net::encode(promise.change) != net::encode(*found)) {
      return complain(id, "has a state that it was not given");
    }
    if (is_sealed(promise.answer, promise.answered)) {
      miss(id, fmt::format("change {} was refused, sealed away, and came back", number));
    }
  }

  /// Of a change that a report tells of: both are there, or neither.
  void judge_report(const ChangePromise& change) {
    const auto about = shown_.messages.find(change.id);
    if (about == shown_.messages.end()) return;
    const auto& found = about->second.changes.at(change.change.recipient);
    const std::size_t last = found ? found->attempts : 0;
    if (last > change.change.attempts)
      return;  // said later: whether this one was lost does not matter
    const bool has_change = last == change.change.attempts;
    const auto report = std::ranges::find(promises_.messages_, *change.report, &MessagePromise::id);
    const bool has_report = shown_.messages.contains(*change.report);
    if (!has_report && may_have_ended(*report)) return;
    if (has_change != has_report) miss(*change.report, "and what it reports are not both there");
  }

  const Promises& promises_;
  std::size_t crash_;
  const Shown& shown_;
  const Contents& contents_;
  std::size_t tolerance_;
  std::set<mail::MessageId> excused_;
  std::set<mail::MessageId> known_;
  std::vector<std::string> broken_;
};

std::vector<std::string> Promises::broken(std::size_t crash, const Shown& shown,
                                          const Contents& contents, std::size_t damaged) const {
  return Judge(*this, crash, shown, contents, damaged).judge();
}

}  // namespace postern::queue
