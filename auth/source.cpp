#include "auth/source.h"

#include <algorithm>

namespace postern::auth {

std::string source_of(const mail::IpAddress& client) {
  const mail::IpAddress address = mail::normalised(client);
  if (address.is_v4()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(bytes).to_string() + "/64";
}

}  // namespace postern::auth
