#include "smtpd/intake.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "mail/ascii.h"
#include "mail/folding.h"
#include "mail/header.h"
#include "net/frames.h"
#include "smtpd/header_repair.h"

namespace postern::smtpd {
namespace {

constexpr std::size_t worth_sending = frames::max_chunk / 2;  // less is sent only at the end

mail::Reply reply_to(ContentFault fault) {
  switch (fault) {
    case ContentFault::bare_lf:
      return {550, {5, 6, 0}, "The message has a bare LF: each line must end with CRLF"};
    case ContentFault::bare_cr:
      return {550, {5, 6, 0}, "The message has a bare CR: each line must end with CRLF"};
    case ContentFault::nul:
    case ContentFault::none:
      break;
  }
  return {550, {5, 6, 0}, "The message has a NUL octet"};
}

std::string_view whole_lines(std::string_view front) {
  const auto end = front.rfind("\r\n");
  return end == std::string_view::npos ? std::string_view() : front.substr(0, end + 2);
}

}  // namespace

// A device of the office is helped; from a user's program a bare LF is a fault that its author must hear of.
Intake::Intake(Submitter submitter, std::uint64_t max_size, Additions additions, Framing framing)
    : submitter_(std::move(submitter)),
      reader_(submitter_.identity ? BareLf::refused : BareLf::repaired, framing),
      room_(max_size),
      additions_(std::move(additions)) {}

std::size_t Intake::feed(std::string_view in) {
  const std::size_t before = unread().size();
  const std::size_t taken = reader_.feed(in, unread());
  on_read(unread().size() - before);
  return taken;
}

void Intake::feed_chunk(std::string_view octets) { std::ignore = feed(octets); }

void Intake::finish() {
  const std::size_t before = unread().size();
  reader_.finish(unread());
  on_read(unread().size() - before);
}

void Intake::on_read(std::size_t added) {
  if (reader_.fault() != ContentFault::none) refuse(reply_to(reader_.fault()));
  if (added > room_) refuse({552, {5, 3, 4}, "The message is too large"});
  if (refusal_) return unread().clear();
  room_ -= added;
  if (!is_header_done_) find_header();
  if (is_header_done_ && !refusal_) fit_lines();
}

// Statement 43. A content that is here as a whole, and has no line that is too long, needs no look at its parts: nearly all
// are like that. Of a longer one nobody knows yet.
void Intake::fit_lines() {
  const bool has_long_line = reader_.longest_line() > mail::max_line;
  if (!encoder_) {
    if (!has_long_line && (is_complete() || pending_.size() < worth_sending)) return;
    encoder_.emplace(mail::Transport::eight_bit);
    unencoded_.swap(pending_);
  }
  encoder_->feed(unencoded_, pending_);
  unencoded_.clear();
  if (is_complete()) encoder_->finish(pending_);
  if (!encoder_->refusal().empty()) {
    refuse({550, {5, 6, 0}, "The message has " + encoder_->refusal()});
  }
}

void Intake::find_header() {
  constexpr std::string_view empty_line = "\r\n\r\n";
  const bool starts_empty = pending_.starts_with("\r\n");
  const std::size_t found = starts_empty ? 0 : pending_.find(empty_line, searched_);
  const bool is_whole = found != std::string::npos || is_complete();
  if (!is_whole) {
    searched_ = pending_.size() < empty_line.size() ? 0 : pending_.size() - empty_line.size() + 1;
    if (pending_.size() <= mail::max_header_section) return;
  }
  pass_header(mail::header_section_of(pending_), is_whole);
}

// Without `is_whole` the section is the front of one, and too long already; unless a device has sent a body without an empty
// line in front of it.
void Intake::pass_header(std::string_view section, bool is_whole) {
  std::size_t replaced = section.size();
  auto fields = mail::split_header(section);
  RepairedHeader repaired;
  if (!submitter_.identity && (!is_whole || !fields)) {
    if (!is_whole) section = whole_lines(section);
    repaired = repair_header(section);
    replaced = repaired.replaced;
    is_whole = is_whole || replaced < section.size();
    section = repaired.section;
    fields = mail::split_header(section);
  }
  if (!is_whole || section.size() > mail::max_header_section) {
    return refuse({552, {5, 3, 4}, "The header section is too long"});
  }
  if (!fields) return refuse(malformed(fields.error().reason));
  Checked<std::string> fixed = fix_up(*fields, additions_, submitter_);
  if (!fixed) return refuse(std::move(fixed.error()));
  has_utf8_header_ = !std::ranges::all_of(*fixed, mail::is_ascii);
  const std::string_view body = std::string_view(pending_).substr(replaced);
  if (!body.empty() && !body.starts_with("\r\n")) *fixed += "\r\n";
  *fixed += body;
  pending_ = std::move(*fixed);
  is_header_done_ = true;
}

std::string Intake::take_chunk() {
  if (!is_header_done_ || refusal_) return {};
  const std::size_t left = pending_.size() - taken_;
  const bool is_worth_it = is_complete() || left >= worth_sending;
  if (is_worth_it && taken_ == 0 && left <= frames::max_chunk) return std::exchange(pending_, {});
  std::string chunk;
  if (is_worth_it) chunk = pending_.substr(taken_, frames::max_chunk);
  taken_ += chunk.size();
  if (chunk.empty()) pending_.erase(0, std::exchange(taken_, 0));
  return chunk;
}

void Intake::refuse(mail::Reply reply) {
  if (!refusal_) refusal_ = std::move(reply);
  pending_.clear();
  taken_ = 0;
  encoder_.reset();
  unencoded_.clear();
}

}  // namespace postern::smtpd
