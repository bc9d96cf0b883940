#include "delivery/content.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>

#include "mail/dsn_text.h"
#include "mail/header.h"
#include "net/checksum.h"

namespace postern::delivery {
namespace {

constexpr std::uint64_t turn = 16 * max_piece;  // octets that are looked at in one go

// Looks at one piece after the other for what must not be sent.
class Look {
 public:
  // Without a branch, and so optimised that many octets are looked at in one step: a fifteenth of the instructions that one
  // octet after the other takes (tests/callgrind/run --show).
  [[gnu::optimize("O3")]] void at(std::string_view piece) {
    unsigned char unclean = (piece.front() == '\n') != (before_ == '\r');
    unsigned char all_bits = 0;
    for (std::size_t i = 1; i < piece.size(); ++i) {
      unclean |= (piece[i] == '\n') != (piece[i - 1] == '\r');
    }
    for (const char c : piece) {
      unclean |= c == '\0';
      all_bits |= static_cast<unsigned char>(c);
    }
    before_ = piece.back();
    is_clean_ &= unclean == 0;
    has_eight_bit_ |= all_bits > 127;
  }
  bool is_clean() const { return is_clean_ && before_ != '\r'; }
  bool has_eight_bit() const { return has_eight_bit_; }

 private:
  char before_ = '\n';
  bool is_clean_ = true;
  bool has_eight_bit_ = false;
};

}  // namespace

std::string_view Content::piece(std::uint64_t offset, std::string& room) const {
  if (offset >= lease_.size) return {};
  if (!lease_.file) {
    return offset < lease_.content.size() ? std::string_view(lease_.content).substr(offset) : "";
  }
  room.resize(std::min<std::uint64_t>(max_piece, lease_.size - offset));
  ssize_t n = 0;
  do {
    n = ::pread(lease_.file->get(), room.data(), room.size(),
                static_cast<off_t>(lease_.offset + offset));
  } while (n < 0 && errno == EINTR);
  room.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return room;
}

net::Task<Inspection> inspect(const Content& content) {
  std::string room;
  std::uint64_t seen = 0;
  std::uint32_t crc = 0;
  Look look;
  for (;;) {
    const std::string_view piece = content.piece(seen, room);
    if (piece.empty()) break;
    look.at(piece);
    crc = net::crc32c(piece, crc);
    if (seen / turn != (seen + piece.size()) / turn) {
      auto executor = co_await net::asio::this_coro::executor;
      co_await net::asio::post(executor, net::asio::use_awaitable_t<net::Executor>{});
    }
    seen += piece.size();
  }
  Inspection inspection;
  inspection.is_intact = seen == content.size() && crc == content.crc();
  inspection.is_clean = look.is_clean();
  inspection.has_eight_bit = look.has_eight_bit();
  co_return inspection;
}

bool has_utf8_header(const Content& content) {
  std::string room;
  const std::string_view piece = content.piece(0, room);
  const std::string_view header = mail::header_section_of(piece);
  const bool is_whole = header.size() < piece.size() || piece.size() == content.size();
  return !is_whole || !mail::is_ascii(header);
}

void Stuffing::append(std::string_view piece, std::string& out) {
  if (piece.empty()) return;
  if (is_at_line_start_ && piece.front() == '.') out += '.';
  for (;;) {
    const std::size_t dot = piece.find("\n.");
    if (dot == std::string_view::npos) break;
    out += piece.substr(0, dot + 1);
    out += '.';
    piece.remove_prefix(dot + 1);
  }
  out += piece;
  is_at_line_start_ = piece.back() == '\n';
}

void Stuffing::finish(std::string& out) const { out += is_at_line_start_ ? ".\r\n" : "\r\n.\r\n"; }

}  // namespace postern::delivery
