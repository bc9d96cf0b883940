#include "auth/fair_queue.h"

#include <algorithm>

namespace postern::auth {

struct FairQueue::Waiter {
  Waiter(FairQueue& all, const std::string& source, net::Executor executor)
      : queue(all), line(all.lines_.try_emplace(source).first), turn(executor) {
    turn.expires_at(net::Timer::time_point::max());
    line->second.waiting.push_back(this);
    queue.enrol(line);
    queue.serve();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() {
    if (has_turn) return;  // its line may be gone
    std::erase(line->second.waiting, this);
    queue.drop_if_empty(line);
  }

  FairQueue& queue;
  Lines::iterator line;
  net::Timer turn;
  bool has_turn = false;
};

net::Task<std::optional<FairQueue::Turn>> FairQueue::take(std::string source) {
  const net::Executor executor = co_await net::asio::this_coro::executor;
  Waiter waiter(*this, source, executor);
  if (!waiter.has_turn) {
    if (waiter.line->second.waiting.size() > limits_.waiting_per_source) co_return std::nullopt;
    co_await waiter.turn.async_wait(net::as_result);
  }
  if (!waiter.has_turn) co_return std::nullopt;
  co_return Turn(*this, std::move(source));
}

void FairQueue::give_back(const std::string& source) {
  const auto line = lines_.find(source);
  --line->second.taken;
  --taken_;
  enrol(line);
  drop_if_empty(line);
  serve();
}

void FairQueue::enrol(Lines::iterator line) {
  Line& all = line->second;
  if (all.is_in_rotation || all.waiting.empty() || all.taken >= limits_.places_per_source) return;
  all.is_in_rotation = true;
  rotation_.push_back(line);
}

void FairQueue::serve() {
  while (taken_ < limits_.places && !rotation_.empty()) {
    const auto line = rotation_.front();
    rotation_.pop_front();
    Line& next = line->second;
    next.is_in_rotation = false;
    if (!next.waiting.empty()) {
      Waiter* const waiter = next.waiting.front();
      next.waiting.pop_front();
      ++next.taken;
      ++taken_;
      waiter->has_turn = true;
      waiter->turn.cancel();
      enrol(line);
    }
    drop_if_empty(line);
  }
}

void FairQueue::drop_if_empty(Lines::iterator line) {
  const Line& all = line->second;
  if (all.taken == 0 && all.waiting.empty() && !all.is_in_rotation) lines_.erase(line);
}

}  // namespace postern::auth
