#include "relaytest/transcript.h"

#include <algorithm>

namespace postern::relaytest {

void Transcript::add(Line::Who who, std::string_view text) {
  if (is_full_) return;
  const auto at = std::chrono::duration_cast<milliseconds>(net::Clock::now() - begun_);
  octets_ += std::min(text.size(), max_transcript_line);
  is_full_ = lines_.size() + 1 == max_transcript_lines || octets_ > max_transcript_octets;
  if (is_full_) {
    lines_.push_back({Line::Who::note, at, "the rest is left out"});
  } else {
    lines_.push_back({who, at, std::string(text.substr(0, max_transcript_line))});
  }
}

void Transcript::add_sent(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find("\r\n"), bytes.size());
    add(Line::Who::client, bytes.substr(0, end));
    bytes.remove_prefix(std::min(end + 2, bytes.size()));
  }
}

}  // namespace postern::relaytest
