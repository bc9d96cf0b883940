// A table of limited size that strangers can fill: whose name was used longest ago makes room, or someone who was used
// soon after but matters less. Ordered and not hashed, so that no choice of names makes it slow.
#pragma once

#include <iterator>
#include <list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace postern::auth {

template <class Value>
class RecentTable {
 public:
  explicit RecentTable(std::size_t limit) : limit_(limit) {}
  RecentTable(const RecentTable&) = delete;
  RecentTable& operator=(const RecentTable&) = delete;

  /// Null: there is none. Does not count as use.
  Value* find(std::string_view key) {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second->second;
  }

  const Value* find(std::string_view key) const {
    return const_cast<RecentTable*>(this)->find(key);
  }

  /// Made where there is none; counts as use. Whose value matters (a predicate) is kept rather than others.
  template <class Predicate>
  Value& use(std::string_view key, Predicate matters) {
    const auto found = places_.find(key);
    if (found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->second;
    }
    if (places_.size() == limit_) make_room(matters);
    entries_.emplace_front(std::string(key), Value{});
    places_.emplace(entries_.front().first, entries_.begin());
    return entries_.front().second;
  }

  Value& use(std::string_view key) {
    return use(key, [](const Value&) { return false; });
  }

  void erase(std::string_view key) {
    const auto found = places_.find(key);
    if (found == places_.end()) return;
    const auto entry = found->second;
    places_.erase(found);
    entries_.erase(entry);
  }

  std::size_t size() const { return places_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;

  // Of those who matter; then the oldest has to go nevertheless.
  static constexpr int spared_at_once = 8;

  template <class Predicate>
  void make_room(Predicate matters) {
    const auto oldest = std::prev(entries_.end());
    auto goes = oldest;
    for (int spared = 0; matters(goes->second); goes = std::prev(entries_.end())) {
      if (++spared > spared_at_once) {
        goes = oldest;
        break;
      }
      entries_.splice(entries_.begin(), entries_, goes);
    }
    places_.erase(goes->first);
    entries_.erase(goes);
  }

  std::size_t limit_;
  Entries entries_;                                                // the one used last comes first
  std::map<std::string_view, typename Entries::iterator> places_;  // by the names in `entries_`
};

}  // namespace postern::auth
