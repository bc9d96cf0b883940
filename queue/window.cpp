#include "queue/window.h"

namespace postern::queue {

void Window::served(std::uint32_t limit) {
  const std::uint32_t used = running_--;
  health_ = Health::alive;
  // What was hardly used says nothing about a larger window (RFC 7661, 3).
  if (size_ >= limit || 2 * used < size_) return;
  if (size_ >= threshold_ && ++credit_ < std::max(size_, least_credit)) return;
  ++size_;
  credit_ = 0;
}

Window::Failure Window::failed(std::uint64_t number) {
  const std::uint32_t used = running_--;
  if (number > shrunk_at_) {
    if (health_ == Health::alive) {
      threshold_ = std::max(std::min(size_, used) / 2, 1U);
      shrink(threshold_, Health::doubted);
      return Failure::slowed;
    }
    shrink(1, Health::failing);
  }
  return health_ == Health::failing && running_ == 0 ? Failure::dead : Failure::same;
}

void Window::refused() {
  --running_;
  doubt();
}

void Window::doubt() { shrink(1, Health::failing); }

void Window::shrink(std::uint32_t size, Health health) {
  size_ = size;
  credit_ = 0;
  health_ = health;
  shrunk_at_ = last_lent_;
}

}  // namespace postern::queue
