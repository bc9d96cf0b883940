#include <ares.h>

#include <algorithm>
#include <memory>

#include "mail/ascii.h"
#include "net/dns.h"

namespace postern::net {
namespace {

constexpr std::size_t header_size = 12;
constexpr int max_sections = 512;  // questions and answers of one message that are looked at

bool is_host_octet(char c) {
  return mail::is_letter(c) || mail::is_digit(c) || c == '-' || c == '_' || c == '.';
}

// Letters, digits, hyphens, and the underscore that some real hosts have against RFC 952.
bool is_host_name(const std::string& name) {
  return name.size() <= 253 && name.find("..") == std::string::npos && !name.starts_with('.') &&
         std::ranges::all_of(name, is_host_octet);
}

// Walks forward over the message. After a step over its end all further reads give zero, and `is_good` is false.
class Walk {
 public:
  explicit Walk(std::string_view message) : message_(message) {}

  bool is_good() const { return is_good_; }
  std::size_t left() const { return message_.size() - at_; }

  std::uint16_t take_16() {
    const auto bytes = take(2);
    if (bytes.empty()) return 0;
    return static_cast<std::uint16_t>(octet(bytes[0]) << 8 | octet(bytes[1]));
  }
  std::uint32_t take_32() {
    const std::uint32_t high = take_16();
    return high << 16 | take_16();
  }
  std::string_view take(std::size_t n) {
    if (!is_good_ || n > left()) {
      is_good_ = false;
      return {};
    }
    at_ += n;
    return message_.substr(at_ - n, n);
  }
  // Without the last dot, in lower case. c-ares bounds the number of jumps, and stays inside of the message.
  std::string take_name() {
    char* text = nullptr;
    long size = 0;
    const auto* start = reinterpret_cast<const unsigned char*>(message_.data());
    if (!is_good_ || left() == 0 ||
        ares_expand_name(start + at_, start, static_cast<int>(message_.size()), &text, &size) !=
            ARES_SUCCESS) {
      is_good_ = false;
      return {};
    }
    const std::unique_ptr<char, void (*)(void*)> owner(text, ares_free_string);
    take(static_cast<std::size_t>(size));
    std::string name(text);
    std::ranges::transform(name, name.begin(), mail::to_lower);
    return name;
  }

 private:
  static unsigned octet(char c) { return static_cast<unsigned char>(c); }

  std::string_view message_;
  std::size_t at_ = 0;
  bool is_good_ = true;
};

template <class Address>
void take_address(Walk& walk, std::size_t size, std::vector<mail::IpAddress>& addresses) {
  typename Address::bytes_type bytes{};
  const std::string_view data = walk.take(size);
  if (data.size() != bytes.size()) return;
  std::ranges::copy(data, reinterpret_cast<char*>(bytes.data()));
  addresses.push_back(mail::normalised(Address(bytes)));
}

void take_mx(Walk& walk, std::size_t size, std::vector<MxRecord>& mx) {
  const std::size_t left = walk.left();
  MxRecord record;
  record.preference = walk.take_16();
  record.host = walk.take_name();
  // A name that no host can have is kept, as a target that does not exist: it must not turn into "no MX at all".
  if (!is_host_name(record.host)) record.host = "invalid";
  if (walk.is_good() && left - walk.left() == size) mx.push_back(std::move(record));
}

void take_record(Walk& walk, DnsType wanted, DnsRecords& records) {
  walk.take_name();
  const auto type = static_cast<DnsType>(walk.take_16());
  walk.take_16();  // class: the question was about IN
  const std::chrono::seconds ttl(walk.take_32());
  const std::size_t size = walk.take_16();
  const bool is_full = records.mx.size() + records.addresses.size() >= max_dns_records;
  // The TTL of a CNAME counts too (RFC 1034, 3.6.2). One with its highest bit set means zero (RFC 2181, 8).
  records.ttl = std::min(records.ttl, ttl.count() > 0x7fffffff ? std::chrono::seconds(0) : ttl);
  if (type != wanted || is_full) {
    walk.take(size);
  } else if (type == DnsType::mx) {
    take_mx(walk, size, records.mx);
  } else if (type == DnsType::a) {
    take_address<asio::ip::address_v4>(walk, size, records.addresses);
  } else {
    take_address<asio::ip::address_v6>(walk, size, records.addresses);
  }
}

}  // namespace

Result<DnsRecords> decode_dns_answer(std::string_view message, DnsType type) {
  Walk walk(message);
  walk.take(4);
  const int questions = walk.take_16();
  const int answers = walk.take_16();
  walk.take(header_size - 8);
  if (questions + answers > max_sections) {
    return make_error_code(boost::system::errc::bad_message);
  }
  for (int i = 0; i < questions; ++i) {
    walk.take_name();
    walk.take(4);
  }
  DnsRecords records;
  for (int i = 0; i < answers && walk.is_good(); ++i) take_record(walk, type, records);
  if (!walk.is_good()) return make_error_code(boost::system::errc::bad_message);
  return records;
}

}  // namespace postern::net
