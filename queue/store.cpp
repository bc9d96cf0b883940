#include "queue/store.h"

#include <unistd.h>

#include <algorithm>

namespace postern::queue {

std::string front_of(const StoredMessage& message, std::size_t size) {
  if (const auto* content = std::get_if<std::string>(&message.content)) {
    return content->substr(0, size);
  }
  std::string front(std::min<std::uint64_t>(size, message.head.size), '\0');
  const int file = std::get<ContentFile>(message.content).file.get();
  const auto n = ::pread(file, front.data(), front.size(), 0);
  front.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return front;
}

}  // namespace postern::queue
