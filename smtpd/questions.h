// What another role was asked and has not answered yet: each question by its number, with the coroutine that waits.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <utility>

#include "net/task.h"

namespace postern::smtpd {

template <class Answer>
class Questions {
 public:
  /// One question, open as long as it lives. It may be answered more than once, in turns.
  class Question {
   public:
    Question(Questions& all, std::uint64_t number, net::Executor executor)
        : all_(all), number_(number), waiting_(executor) {
      all_.open_.emplace(number_, this);
    }
    Question(const Question&) = delete;
    Question& operator=(const Question&) = delete;
    ~Question() { all_.open_.erase(number_); }

    std::uint64_t number() const { return number_; }
    bool is_answered() const { return answer_.has_value(); }

    /// The answer, taken off; nothing: none came within `limit`.
    [[nodiscard]] net::Task<std::optional<Answer>> answer(net::Clock::duration limit) {
      if (!answer_) {
        waiting_.expires_after(limit);
        co_await waiting_.async_wait(net::as_result);
      }
      co_return std::exchange(answer_, std::nullopt);
    }

   private:
    friend class Questions;
    void take(Answer answer) {
      if (!answer_) answer_ = std::move(answer);  // what was said first holds
      waiting_.cancel();
    }

    Questions& all_;
    std::uint64_t number_;
    net::Timer waiting_;
    std::optional<Answer> answer_;
  };

  /// An answer that nobody waits for any more is dropped.
  void answer(std::uint64_t number, Answer answer) {
    const auto question = open_.find(number);
    if (question != open_.end()) question->second->take(std::move(answer));
  }

  void answer_all(const Answer& answer) {
    for (const auto& [number, question] : open_) question->take(answer);
  }

 private:
  std::unordered_map<std::uint64_t, Question*> open_;
};

}  // namespace postern::smtpd
