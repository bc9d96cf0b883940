// How plain structs become bytes, between processes and in the spool: integers little-endian, strings and vectors behind a
// 32-bit count, an optional behind one byte, a variant behind the one-byte index of its alternative, an aggregate field by
// field. A type that is well formed by construction travels as text and is parsed again at its arrival.
//
// What is decoded is not trusted: every count is checked against the bytes that are there, an enum against its `last`, a
// byte that is left over is an error. So a decoder never allocates more than a small multiple of what came in.
#pragma once

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "mail/envelope.h"
#include "mail/message_id.h"
#include "net/fd.h"
#include "net/fields.h"

namespace postern::net {

template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

/// Appends values to a buffer of bytes; descriptors, which bytes cannot carry, to a list beside it.
class Encoder {
 public:
  explicit Encoder(std::string& out, std::vector<Fd>* fds = nullptr) : out_(out), fds_(fds) {}

  void put(bool value) { out_ += value ? '\1' : '\0'; }
  void put(const std::string& text) {
    put(static_cast<std::uint32_t>(text.size()));
    out_ += text;
  }
  void put(mail::MessageId id) { put(id.value()); }
  void put(const mail::Mailbox& mailbox) { put(mailbox.text()); }
  void put(const mail::Network& network) { put(network.text()); }
  void put(const mail::Seal&) {}
  void put(const mail::IpAddress& address) { put(address.to_string()); }
  template <class Rep, class Period>
  void put(std::chrono::duration<Rep, Period> duration) {
    put(static_cast<std::int64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count()));
  }
  void put(std::chrono::system_clock::time_point time) { put(time.time_since_epoch()); }
  void put(Fd& fd) { fds_->push_back(std::move(fd)); }

  template <std::integral T>
  requires(!std::same_as<T, bool>) void put(T value) {
    auto bits = static_cast<std::uint64_t>(static_cast<std::make_unsigned_t<T>>(value));
    std::array<char, sizeof(T)> octets;
    for (char& octet : octets) {
      octet = static_cast<char>(bits & 0xff);
      bits >>= 8;
    }
    out_.append(octets.data(), octets.size());
  }
  template <class T>
  requires std::is_enum_v<T>
  void put(T value) { put(static_cast<std::underlying_type_t<T>>(value)); }
  template <class T>
  void put(std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (auto& element : list) put(element);
  }
  template <class T>
  void put(const std::vector<T>& list) {
    put(static_cast<std::uint32_t>(list.size()));
    for (const auto& element : list) put(element);
  }
  template <class T>
  void put(std::optional<T>& maybe) {
    put(maybe.has_value());
    if (maybe) put(*maybe);
  }
  template <class T>
  void put(const std::optional<T>& maybe) {
    put(maybe.has_value());
    if (maybe) put(*maybe);
  }
  template <class... T>
  void put(std::variant<T...>& any) {
    put(static_cast<std::uint8_t>(any.index()));
    std::visit([this](auto& value) { this->put(value); }, any);
  }
  template <class... T>
  void put(const std::variant<T...>& any) {
    put(static_cast<std::uint8_t>(any.index()));
    std::visit([this](const auto& value) { this->put(value); }, any);
  }
  template <class T>
  requires std::is_aggregate_v<std::remove_const_t<T>>
  void put(T& fields) {
    for_each_field(fields, [this](auto& field) { this->put(field); });
  }

 private:
  std::string& out_;
  std::vector<Fd>* fds_;
};

/// The longest time to or from 1970: 292 years, as many as 64 bits of nanoseconds have.
inline constexpr std::int64_t max_microseconds = std::numeric_limits<std::int64_t>::max() / 1000;

/// Takes values out of bytes. After the first thing that is wrong all further values are left as they were, and `is_whole`
/// answers false.
class Decoder {
 public:
  explicit Decoder(std::string_view in, std::span<Fd> fds = {}) : in_(in), fds_(fds) {}

  /// Nothing was wrong, and no octet is left over.
  bool is_whole() const { return is_good_ && in_.empty(); }
  bool has_fds_left() const { return !fds_.empty(); }

  void get(bool& value) { value = get_integer<std::uint8_t>() != 0; }
  void get(std::string& text) {
    const auto size = get_integer<std::uint32_t>();
    if (size > in_.size()) return fail();
    text.assign(in_.substr(0, size));
    in_.remove_prefix(size);
  }
  void get(mail::MessageId& id) { id = mail::MessageId(get_integer<std::uint64_t>()); }
  template <class T>
  void get_parsed(T& value) {
    std::string text;
    get(text);
    auto parsed = T::parse(text);
    if (parsed) {
      value = std::move(*parsed);
    } else {
      fail();
    }
  }
  void get(mail::Seal&) {}
  void get(mail::IpAddress& address) {
    std::string text;
    get(text);
    boost::system::error_code error;
    address = boost::asio::ip::make_address(text, error);
    if (error) fail();
  }
  template <class Rep, class Period>
  void get(std::chrono::duration<Rep, Period>& duration) {
    const auto count = static_cast<std::int64_t>(get_integer<std::uint64_t>());
    if (count > max_microseconds || count < -max_microseconds) return fail();
    duration = std::chrono::duration_cast<std::chrono::duration<Rep, Period>>(
        std::chrono::microseconds(count));
  }
  void get(std::chrono::system_clock::time_point& time) {
    std::chrono::system_clock::duration since{};
    get(since);
    time = std::chrono::system_clock::time_point(since);
  }
  void get(Fd& fd) {
    if (fds_.empty()) return fail();
    fd = std::move(fds_.front());
    fds_ = fds_.subspan(1);
  }
  template <std::integral T>
  requires(!std::same_as<T, bool>) void get(T& value) {
    value = static_cast<T>(get_integer<std::make_unsigned_t<T>>());
  }
  template <class T>
  requires std::is_enum_v<T>
  void get(T& value) {
    const auto number = get_integer<std::make_unsigned_t<std::underlying_type_t<T>>>();
    if (number > static_cast<std::uint64_t>(T::last)) return fail();
    value = static_cast<T>(number);
  }
  template <class T>
  void get(std::vector<T>& list) {
    const auto count = get_integer<std::uint32_t>();
    if (count > in_.size() + fds_.size()) return fail();
    list.clear();
    for (std::uint32_t i = 0; i < count && is_good_; ++i) list.push_back(get_new<T>());
  }
  template <class T>
  void get(std::optional<T>& maybe) {
    maybe.reset();
    if (get_integer<std::uint8_t>() != 0 && is_good_) maybe = get_new<T>();
  }
  template <class... T>
  void get(std::variant<T...>& any) {
    const auto index = get_integer<std::uint8_t>();
    if (index >= sizeof...(T)) return fail();
    std::size_t candidate = 0;
    ((candidate++ == index ? static_cast<void>(any = get_new<T>()) : void()), ...);
  }
  template <class T>
  requires std::is_aggregate_v<T>
  void get(T& fields) {
    for_each_field(fields, [this](auto& field) { this->get(field); });
  }
  void get(mail::Mailbox& mailbox) { get_parsed(mailbox); }
  void get(mail::Network& network) { get_parsed(network); }

  /// A value of type T. A type without a default value starts as some value, which is overwritten, or thrown away where
  /// the bytes are not whole.
  template <class T>
  T get_new() {
    if constexpr (std::is_same_v<T, mail::Mailbox>) {
      return get_into(some_mailbox());
    } else if constexpr (requires(mail::Mailbox some) { T{.mailbox = some}; }) {
      T value{.mailbox = some_mailbox()};
      return get_into(std::move(value));
    } else if constexpr (std::is_same_v<T, mail::Network>) {
      static const mail::Network placeholder = *mail::Network::parse("127.0.0.1");
      return get_into(placeholder);
    } else if constexpr (is_variant<T>) {
      return get_into(T(std::in_place_index<0>, std::variant_alternative_t<0, T>{}));
    } else {
      return get_into(T{});
    }
  }

 private:
  static const mail::Mailbox& some_mailbox() {
    static const mail::Mailbox some = *mail::Mailbox::parse("placeholder@invalid");
    return some;
  }
  template <class T>
  T get_into(T value) {
    get(value);
    return value;
  }
  template <class T>
  T get_integer() {
    if (!is_good_ || in_.size() < sizeof(T)) {
      fail();
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in_[i])) << (8 * i);
    }
    in_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  void fail() { is_good_ = false; }

  std::string_view in_;
  std::span<Fd> fds_;  // those that no value has taken yet
  bool is_good_ = true;
};

/// `value` as bytes. For values without descriptors.
template <class T>
[[nodiscard]] std::string encode(const T& value) {
  std::string out;
  Encoder(out).put(value);
  return out;
}

/// The value that `bytes` hold, or nothing where they are not exactly one.
template <class T>
[[nodiscard]] std::optional<T> decode(std::string_view bytes) {
  Decoder decoder(bytes);
  T value = decoder.get_new<T>();
  if (!decoder.is_whole()) return std::nullopt;
  return value;
}

}  // namespace postern::net
