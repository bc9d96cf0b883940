#include "smtpd/content_reader.h"

#include <algorithm>
#include <cstring>

namespace postern::smtpd {
namespace {

// memchr of the C library looks at 16 octets and more at a time: nearly all that a server does to a content is this.
const char* find(const char* begin, const char* end, char c) {
  const void* const found = std::memchr(begin, c, static_cast<std::size_t>(end - begin));
  return found ? static_cast<const char*>(found) : end;
}

}  // namespace

std::size_t ContentReader::feed(std::string_view in, std::string& out) {
  if (in.empty()) return 0;
  const char* at = in.data();
  const char* const end = at + in.size();
  const char* nul = find(at, end, '\0');
  while (at != end && !is_complete()) {
    if (nul < at) nul = find(at, end, '\0');
    at += take_clean({at, nul}, nul == end, out);
    // What is not clean, up to the line's end, octet by octet.
    while (at != end && !is_complete()) {
      const char c = *at++;
      step(c, out);
      if (c == '\n') break;
    }
  }
  return static_cast<std::size_t>(at - in.data());
}

// Takes the lines in front that end with CRLF and have nothing in them that asks for a decision: all lines, mostly. With
// `may_end_within` the front of such a line too.
std::size_t ContentReader::take_clean(std::string_view in, bool may_end_within, std::string& out) {
  const char* const begin = in.data();
  const char* const end = begin + in.size();
  const char* at = begin;
  while (at != end && (state_ == State::text || may_begin_with(*at))) {
    const char* const lf = find(at, end, '\n');
    const char* const cr = find(at, lf, '\r');
    if (lf != end && cr + 1 == lf) {
      lengthen_line(static_cast<std::size_t>(cr - at));
      line_ = 0;
      state_ = State::line_start;
      at = lf + 1;
    } else if (cr == end && may_end_within) {
      lengthen_line(static_cast<std::size_t>(end - at));
      state_ = State::text;
      at = end;
    } else {
      break;
    }
  }
  if (fault_ == ContentFault::none) out.append(begin, at);
  return static_cast<std::size_t>(at - begin);
}

// At a line's start: nothing to decide?
bool ContentReader::may_begin_with(char c) const {
  return state_ == State::line_start && (c != '.' || framing_ == Framing::bdat);
}

void ContentReader::finish(std::string& out) {
  if (state_ == State::cr) blame(ContentFault::bare_cr);
  if (state_ == State::text) end_line(out, State::line_start);
  state_ = State::complete;
}

void ContentReader::step(char c, std::string& out) {
  switch (state_) {
    case State::line_start:
      if (may_begin_with(c)) return add(c, out);
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
      if (c != '.' || framing_ == Framing::bdat) return add(c, out);
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
  lengthen_line(1);
  state_ = State::text;
}

void ContentReader::end_line(std::string& out, State next) {
  if (fault_ == ContentFault::none) out += "\r\n";
  line_ = 0;
  state_ = next;
}

void ContentReader::lengthen_line(std::size_t octets) {
  line_ += octets;
  longest_line_ = std::max(longest_line_, line_);
}

void ContentReader::blame(ContentFault fault) {
  if (fault_ == ContentFault::none) fault_ = fault;
}

}  // namespace postern::smtpd
