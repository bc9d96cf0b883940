#include "auth/source.h"

#include <algorithm>

namespace postern::auth {
namespace {

constexpr std::string_view suffix = "/64";

/// `length` in bytes.
std::string prefix_of(const boost::asio::ip::address_v6& address, std::ptrdiff_t length) {
  auto bytes = address.to_bytes();
  std::fill(bytes.begin() + length, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string();
}

}  // namespace

std::string source_of(const mail::IpAddress& client) {
  const mail::IpAddress address = mail::normalised(client);
  if (address.is_v4()) return address.to_string();
  return prefix_of(address.to_v6(), 8).append(suffix);
}

std::optional<std::string> network_of(std::string_view source) {
  if (!source.ends_with(suffix)) return std::nullopt;
  source.remove_suffix(suffix.size());
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address_v6(std::string(source), error);
  if (error) return std::nullopt;
  return prefix_of(address, 6) + "/48";
}

}  // namespace postern::auth
