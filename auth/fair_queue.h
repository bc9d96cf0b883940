// Turns at something that there is little of, shared out evenly between those who want it: each source has its own line,
// and those at the heads of the lines go in rotation. So whoever comes a thousand times waits behind himself.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "net/task.h"

namespace postern::auth {

struct FairLimits {
  std::size_t places = 1;              // turns at a time, of all sources together
  std::size_t places_per_source = 1;   // of one
  std::size_t waiting_per_source = 0;  // who comes then is turned away
};

class FairQueue {
 public:
  explicit FairQueue(FairLimits limits) : limits_(limits) {}
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  /// A turn, given back when it goes. The queue outlives it.
  class Turn {
   public:
    Turn(FairQueue& queue, std::string source) : queue_(&queue), source_(std::move(source)) {}
    Turn(Turn&& other) noexcept
        : queue_(std::exchange(other.queue_, nullptr)), source_(std::move(other.source_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (queue_ != nullptr) queue_->give_back(source_);
    }

   private:
    FairQueue* queue_;
    std::string source_;
  };

  /// Nothing: too many of this source wait already, or the wait was cancelled.
  [[nodiscard]] net::Task<std::optional<Turn>> take(std::string source);

  std::size_t taken() const { return taken_; }

 private:
  struct Waiter;
  struct Line {
    std::size_t taken = 0;
    std::deque<Waiter*> waiting;
    bool is_in_rotation = false;
  };
  using Lines = std::map<std::string, Line>;

  void give_back(const std::string& source);
  void enrol(Lines::iterator line);
  void serve();
  void drop_if_empty(Lines::iterator line);

  FairLimits limits_;
  std::size_t taken_ = 0;
  Lines lines_;                           // of those who have a turn or wait for one
  std::deque<Lines::iterator> rotation_;  // those who wait, and have not yet all the turns they may
};

}  // namespace postern::auth
