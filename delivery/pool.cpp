#include "delivery/pool.h"

namespace postern::delivery {
namespace {

constexpr std::size_t max_leave_taking =
    100;  // QUITs under way; beyond, connections are just closed

// RFC 5321, 4.1.1.10: the server's reply is waited for, within reason.
net::Task<> say_goodbye(std::unique_ptr<Session> session, net::Clock::duration limit) {
  net::Result<mail::Reply> reply = co_await session->dialogue().ask("QUIT", limit);
  session->dialogue().stream().close();
}

}  // namespace

std::unique_ptr<Session> Pool::take(const std::vector<Hop>& hops) {
  if (size_ == 0) return nullptr;
  const auto now = net::Clock::now();
  for (const Hop& hop : hops) {
    if (hop.rank != hops.front().rank) break;
    auto found = idle_.find(hop);
    if (found == idle_.end()) continue;
    Idle last = std::move(found->second.back());
    found->second.pop_back();
    --size_;
    if (found->second.empty()) idle_.erase(found);
    if (now - last.since < limits_.idle && last.session->is_reusable(now)) {
      return std::move(last.session);
    }
    retire(std::move(last.session));
  }
  return nullptr;
}

void Pool::put(std::unique_ptr<Session> session) {
  const auto now = net::Clock::now();
  if (!session->is_reusable(now) || size_ >= max_idle) return retire(std::move(session));
  std::vector<Idle>& same = idle_[session->hop()];
  same.push_back({std::move(session), now});
  ++size_;
  if (!is_sweeping_) {
    is_sweeping_ = true;
    nursery_.start(sweep());
  }
}

void Pool::retire(std::unique_ptr<Session> session) {
  if (!session->is_in_step || nursery_.size() > max_leave_taking) return;
  nursery_.start(say_goodbye(std::move(session), limits_.last_words));
}

net::Task<> Pool::sweep() {
  while (size_ > 0) {
    co_await net::sleep_for(limits_.idle / 2);
    const auto expired = net::Clock::now() - limits_.idle;
    for (auto& [key, sessions] : idle_) {
      while (!sessions.empty() && sessions.front().since <= expired) {
        retire(std::move(sessions.front().session));
        sessions.erase(sessions.begin());
        --size_;
      }
    }
    std::erase_if(idle_, [](const auto& entry) { return entry.second.empty(); });
  }
  is_sweeping_ = false;
}

void Pool::close() {
  idle_.clear();
  size_ = 0;
  is_sweeping_ = false;
  nursery_.cancel();
}

}  // namespace postern::delivery
