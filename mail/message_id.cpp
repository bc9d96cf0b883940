#include "mail/message_id.h"

#include <algorithm>

namespace postern::mail {
namespace {

constexpr std::string_view digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::size_t length = 13;
constexpr int maker_bits = 6;
constexpr std::chrono::sys_days epoch{std::chrono::year{2020} / 1 / 1};

}  // namespace

std::chrono::system_clock::time_point MessageId::made_at() const {
  constexpr std::uint64_t latest =
      200ULL * 366 * 24 * 3600 * 1'000'000;  // microseconds; the clock ends later
  return epoch + std::chrono::microseconds(std::min(value_ >> maker_bits, latest));
}

std::string MessageId::text() const {
  std::string text(length, '0');
  std::uint64_t rest = value_;
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, rest >>= 5) {
    *digit = digits[rest & 31];
  }
  return text;
}

std::optional<MessageId> MessageId::parse(std::string_view text) {
  if (text.size() != length || digits.find(text[0]) > 15)
    return std::nullopt;  // 13 digits hold 65 bits
  std::uint64_t value = 0;
  for (char c : text) {
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    value = value << 5 | digit;
  }
  return MessageId(value);
}

MessageId MessageIdMaker::next(std::chrono::system_clock::time_point now) {
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(now - epoch).count();
  last_ = std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0)), last_ + 1);
  return MessageId(last_ << maker_bits | maker_);
}

}  // namespace postern::mail
