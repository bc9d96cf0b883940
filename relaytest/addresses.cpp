#include "relaytest/addresses.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include "mail/ascii.h"

namespace postern::relaytest {

namespace asio = boost::asio;

std::string literal_of(const mail::IpAddress& address) {
  return fmt::format("[{}{}]", address.is_v6() ? "IPv6:" : "", address.to_string());
}

mail::IpAddress address_in_literal(std::string_view domain) {
  if (!domain.starts_with('[') || !domain.ends_with(']')) return {};
  domain = domain.substr(1, domain.size() - 2);
  if (domain.size() > 5 && mail::equals_ignoring_case(domain.substr(0, 5), "IPv6:"))
    domain.remove_prefix(5);
  const auto address = mail::parse_address(domain);
  return address ? mail::normalised(*address) : mail::IpAddress();
}

mail::IpAddress usual_source(const mail::IpAddress& target) {
  asio::io_context loop;
  asio::ip::udp::socket socket(loop);
  boost::system::error_code error;
  socket.connect({target, 9}, error);
  if (error) return {};
  return mail::normalised(socket.local_endpoint(error).address());
}

}  // namespace postern::relaytest
