#include "smtpd/intake.h"

#include <tuple>
#include <utility>

#include "mail/header.h"
#include "net/frames.h"

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

}  // namespace

Intake::Intake(BareLf bare_lf, std::uint64_t max_size, Additions additions, Transfer transfer)
    : reader_(bare_lf, transfer), room_(max_size), additions_(std::move(additions)) {}

std::size_t Intake::feed(std::string_view in) {
  const std::size_t before = pending_.size();
  const std::size_t taken = reader_.feed(in, pending_);
  on_read(pending_.size() - before);
  return taken;
}

void Intake::feed_chunk(std::string_view octets) { std::ignore = feed(octets); }

void Intake::finish() {
  const std::size_t before = pending_.size();
  reader_.finish(pending_);
  on_read(pending_.size() - before);
}

void Intake::on_read(std::size_t added) {
  if (reader_.fault() != ContentFault::none) refuse(reply_to(reader_.fault()));
  if (added > room_) refuse({552, {5, 3, 4}, "The message is too large"});
  if (refusal_) {
    pending_.clear();
    return;
  }
  room_ -= added;
  if (!is_header_done_) pass_header();
}

void Intake::pass_header() {
  constexpr std::string_view empty_line = "\r\n\r\n";
  const bool starts_empty = pending_.starts_with("\r\n");
  const std::size_t found = starts_empty ? 0 : pending_.find(empty_line, searched_);
  if (found == std::string::npos && !is_complete()) {
    searched_ = pending_.size() < empty_line.size() ? 0 : pending_.size() - empty_line.size() + 1;
    if (pending_.size() <= mail::max_header_section) return;
  }
  const std::string_view section = mail::header_section_of(pending_);
  if (section.size() > mail::max_header_section) {
    return refuse({552, {5, 3, 4}, "The header section is too long"});
  }
  Checked<std::string> fixed = fix_up(section, additions_);
  if (!fixed) return refuse(std::move(fixed.error()));
  fixed->append(pending_, section.size());
  pending_ = std::move(*fixed);
  is_header_done_ = true;
}

std::string Intake::take_chunk() {
  if (!is_header_done_ || refusal_) return {};
  if (!is_complete() && pending_.size() < worth_sending) return {};
  if (pending_.size() <= frames::max_chunk) return std::exchange(pending_, {});
  std::string chunk = pending_.substr(0, frames::max_chunk);
  pending_.erase(0, frames::max_chunk);
  return chunk;
}

void Intake::refuse(mail::Reply reply) {
  if (!refusal_) refusal_ = std::move(reply);
  pending_.clear();
}

}  // namespace postern::smtpd
