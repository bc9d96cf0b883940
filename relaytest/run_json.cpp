#include "relaytest/run_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <stdexcept>
#include <type_traits>

#include "relaytest/run_fields.h"
#include "relaytest/time_text.h"
#include "relaytest/utf8_text.h"

namespace postern::relaytest {
namespace {

namespace json = boost::json;

constexpr std::size_t max_depth = 16;

// ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

class Writer {
 public:
  explicit Writer(bool with_secret) : with_secret_(with_secret) {}

  void operator()(std::string_view key, const auto& value) { object_[key] = value_of(value); }
  void derived(std::string_view key, const auto& make) { object_[key] = make(); }
  void secret(std::string_view key, const std::string& value) {
    if (with_secret_) object_[key] = value_of(value);
  }
  json::object take() { return std::move(object_); }

 private:
  static json::value value_of(bool value) { return value; }
  static json::value value_of(milliseconds value) { return value.count(); }
  static json::value value_of(const std::string& value) { return json::string(as_utf8(value)); }
  static json::value value_of(const mail::IpAddress& value) {
    return json::string(value.is_unspecified() ? "" : value.to_string());
  }
  static json::value value_of(system_clock::time_point value) {
    return value == system_clock::time_point() ? json::value()
                                               : json::value(json::string(time_text(value)));
  }
  template <class T>
  static json::value value_of(const T& value) {
    if constexpr (std::is_unsigned_v<T>) {
      return value;
    } else if constexpr (std::is_enum_v<T>) {
      return json::string(names<T>.at(static_cast<std::size_t>(value)));
    } else {
      Writer writer(false);
      fields(writer, value);
      return writer.take();
    }
  }
  template <class T>
  static json::value value_of(const std::vector<T>& values) {
    json::array array;
    for (const T& value : values) array.push_back(value_of(value));
    return array;
  }

  bool with_secret_;
  json::object object_;
};

/// Serialised JSON has such characters in strings only. They are valid there (RFC 8259, 7), and dangerous on a terminal.
std::string without_terminal_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    if (c == 0x7f) {
      out += "\\u007f";
    } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {  // C1 in UTF-8
      out += fmt::format("\\u{:04x}", next);
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

// ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

[[noreturn]] void complain(const std::string& where, std::string_view what) {
  throw std::runtime_error(fmt::format("{} {}", where.empty() ? "it" : where, what));
}

class Reader {
 public:
  Reader(const json::value& value, std::string where) : where_(std::move(where)) {
    if (!value.is_object()) complain(where_, "is no object");
    object_ = &value.get_object();
  }

  void operator()(std::string_view key, auto& value) {
    known_.insert(key);
    const json::value* found = object_->if_contains(key);
    const std::string where = where_.empty() ? std::string(key) : fmt::format("{}.{}", where_, key);
    if (!found) complain(where, "is missing");
    read(*found, value, where);
  }
  void derived(std::string_view key, const auto&) { known_.insert(key); }
  void secret(std::string_view key, std::string& value) { (*this)(key, value); }

  void has_ended() const {
    for (const auto& member : *object_) {
      if (!known_.contains(member.key()))
        complain(where_, fmt::format("has a key that is not known: {}",
                                     as_utf8(std::string_view(member.key()).substr(0, 80))));
    }
  }

 private:
  static void read(const json::value& from, bool& to, const std::string& where) {
    if (!from.is_bool()) complain(where, "is neither true nor false");
    to = from.get_bool();
  }
  static void read(const json::value& from, milliseconds& to, const std::string& where) {
    if (!from.is_int64()) complain(where, "is no such number");
    to = milliseconds(from.get_int64());
  }
  static void read(const json::value& from, std::string& to, const std::string& where) {
    if (!from.is_string()) complain(where, "is no string");
    to = from.get_string();
  }
  static void read(const json::value& from, mail::IpAddress& to, const std::string& where) {
    std::string text;
    read(from, text, where);
    const auto address = mail::parse_address(text);
    if (!text.empty() && !address) complain(where, "is no IP address");
    to = text.empty() ? mail::IpAddress() : *address;
  }
  static void read(const json::value& from, system_clock::time_point& to,
                   const std::string& where) {
    to = {};
    if (from.is_null()) return;
    std::string text;
    read(from, text, where);
    const auto time = parse_time(text);
    if (!time) complain(where, "is no such time");
    to = *time;
  }
  template <class T>
  static void read(const json::value& from, T& to, const std::string& where) {
    if constexpr (std::is_unsigned_v<T>) {
      boost::system::error_code error;
      to = from.to_number<T>(error);
      if (error) complain(where, "is no such number");
    } else if constexpr (std::is_enum_v<T>) {
      std::string text;
      read(from, text, where);
      const auto name = std::ranges::find(names<T>, text);
      if (name == names<T>.end()) complain(where, "is none of the words that are known");
      to = static_cast<T>(name - names<T>.begin());
    } else {
      Reader reader(from, where);
      fields(reader, to);
      reader.has_ended();
    }
  }
  template <class T>
  static void read(const json::value& from, std::vector<T>& to, const std::string& where) {
    if (!from.is_array()) complain(where, "is no array");
    for (const json::value& value : from.get_array()) {
      const std::string here = fmt::format("{}[{}]", where, to.size());
      read(value, to.emplace_back(), here);
    }
  }

  std::string where_;
  const json::object* object_ = nullptr;
  std::set<std::string_view> known_;
};

}  // namespace

std::string json_of(const Run& run, bool with_secret) {
  Writer writer(with_secret);
  fields(writer, run);
  return without_terminal_controls(json::serialize(writer.take()));
}

Run run_of(std::string_view text) {
  json::parse_options options;
  options.max_depth = max_depth;
  boost::system::error_code error;
  const json::value value =
      json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) throw std::runtime_error("it is no JSON: " + error.message());
  Run run;
  Reader reader(value, "");
  fields(reader, run);
  reader.has_ended();
  return run;
}

}  // namespace postern::relaytest
