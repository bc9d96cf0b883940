// The exchanges that are under way on one channel: by the number that the other side gave them, at most so many, and
// none for longer than it may idle.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "net/task.h"

namespace postern::auth {

struct ExchangeLimits {
  /// On one channel. Each holds about 10 KiB; smtpd has one for each of its connections, and at most 1,000 of these.
  std::size_t exchanges = 1'000;
  /// Of these, those of one source (`source.h`).
  std::size_t per_source = 100;
  /// What a person needs who types a password by hand, and more than a machine does.
  net::Clock::duration idle = std::chrono::minutes(2);
};

template <class T>
class Exchanges {
 public:
  explicit Exchanges(ExchangeLimits limits) : limits_(limits) {}

  bool is_full() const { return entries_.size() >= limits_.exchanges; }
  /// Whether as many are of one source as may be. `is_of_it` says which are.
  template <class Predicate>
  bool is_full_of(Predicate is_of_it) const {
    const auto count = std::count_if(entries_.begin(), entries_.end(), [&](const auto& entry) {
      return is_of_it(*entry.second.exchange);
    });
    return static_cast<std::size_t>(count) >= limits_.per_source;
  }
  std::size_t size() const { return entries_.size(); }

  /// A number that is in use already: what it stood for is forgotten.
  T& put(std::uint64_t id, std::shared_ptr<T> exchange) {
    Entry& entry = entries_[id];
    entry = {std::move(exchange), net::Clock::now() + limits_.idle};
    return *entry.exchange;
  }

  /// The exchange, which is given its time anew; null: there is none.
  std::shared_ptr<T> find(std::uint64_t id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return nullptr;
    found->second.deadline = net::Clock::now() + limits_.idle;
    return found->second.exchange;
  }

  /// Whether `exchange` is still what `id` stands for: it may have been cancelled while something was awaited.
  bool has(std::uint64_t id, const std::shared_ptr<T>& exchange) const {
    const auto found = entries_.find(id);
    return found != entries_.end() && found->second.exchange == exchange;
  }

  void remove(std::uint64_t id) { entries_.erase(id); }

  /// Removes those whose time is up, and says which these were.
  std::vector<std::uint64_t> remove_idle() {
    std::vector<std::uint64_t> ids;
    std::erase_if(entries_, [&](const auto& entry) {
      const bool is_idle = entry.second.deadline <= net::Clock::now();
      if (is_idle) ids.push_back(entry.first);
      return is_idle;
    });
    return ids;
  }

  /// How often to look for idle ones.
  net::Clock::duration sweep_interval() const { return limits_.idle / 4; }

 private:
  struct Entry {
    std::shared_ptr<T> exchange;
    net::Clock::time_point deadline;
  };

  ExchangeLimits limits_;
  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace postern::auth
