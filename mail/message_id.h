// The name of a message inside Postern: in the spool, the log, the Received field and every command.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::mail {

/// 64 bits: microseconds since 2020 (58 bits), maker (6 bits). Shown as 13 characters, in the order of time.
class MessageId {
 public:
  constexpr MessageId() = default;
  constexpr explicit MessageId(std::uint64_t value) : value_(value) {}

  constexpr std::uint64_t value() const { return value_; }
  [[nodiscard]] std::chrono::system_clock::time_point made_at() const;
  [[nodiscard]] std::string text() const;  // Crockford's base 32: no I, L, O, U
  [[nodiscard]] static std::optional<MessageId> parse(std::string_view text);

  auto operator<=>(const MessageId&) const = default;

 private:
  std::uint64_t value_ = 0;
};

/// Makes ids, each one once: later ones are greater even when the clock goes back while the process lives.
class MessageIdMaker {
 public:
  static constexpr unsigned max_maker = 63;

  /// `maker` tells apart the processes that make ids at the same time, 0 to `max_maker`.
  explicit MessageIdMaker(unsigned maker) : maker_(maker & max_maker) {}

  [[nodiscard]] MessageId next(std::chrono::system_clock::time_point now);

 private:
  std::uint64_t maker_;
  std::uint64_t last_ = 0;
};

}  // namespace postern::mail
