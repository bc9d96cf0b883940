#include "smtpd/content_reader.h"

#include <algorithm>

namespace postern::smtpd {

std::size_t ContentReader::feed(std::string_view in, std::string& out) {
  const char* at = in.data();
  const char* const end = at + in.size();
  while (at != end && !is_complete()) {
    if (state_ == State::text) {
      const char* const special =
          std::find_if(at, end, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
      if (fault_ == ContentFault::none) out.append(at, special);
      at = special;
      if (at == end) break;
    }
    step(*at++, out);
  }
  return static_cast<std::size_t>(at - in.data());
}

void ContentReader::step(char c, std::string& out) {
  switch (state_) {
    case State::line_start:
      if (c != '.') return add(c, out);
      state_ = State::dot;
      return;
    case State::dot:
      if (c != '\r') return add(c, out);
      state_ = State::dot_cr;
      return;
    case State::dot_cr:
      if (c == '\n') {
        state_ = State::complete;
        return;
      }
      blame(ContentFault::bare_cr);
      return add(c, out);
    case State::repaired_start:
      if (c != '.') return add(c, out);
      state_ = State::text;
      return;
    case State::cr:
      if (c == '\n') return end_line(out, State::line_start);
      blame(ContentFault::bare_cr);
      return add(c, out);
    case State::text:
      return add(c, out);
    case State::complete:
      return;
  }
}

void ContentReader::add(char c, std::string& out) {
  if (c == '\r') {
    state_ = State::cr;
    return;
  }
  if (c == '\n') {
    if (bare_lf_ == BareLf::refused) blame(ContentFault::bare_lf);
    return end_line(out, State::repaired_start);
  }
  if (c == '\0') blame(ContentFault::nul);
  if (fault_ == ContentFault::none) out += c;
  state_ = State::text;
}

void ContentReader::end_line(std::string& out, State next) {
  if (fault_ == ContentFault::none) out += "\r\n";
  state_ = next;
}

void ContentReader::blame(ContentFault fault) {
  if (fault_ == ContentFault::none) fault_ = fault;
}

}  // namespace postern::smtpd
