#include "smtpd/seats.h"

#include <algorithm>
#include <utility>

namespace postern::smtpd {
namespace {

constexpr std::ptrdiff_t subnet_octets = 8;

mail::IpAddress counted_as(const mail::IpAddress& client) {
  const mail::IpAddress address = mail::normalised(client);
  if (address.is_v4()) return address;
  auto octets = address.to_v6().to_bytes();
  std::fill(octets.begin() + subnet_octets, octets.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6(octets);
}

}  // namespace

std::variant<Seats::Seat, std::string_view> Seats::take(std::shared_ptr<Seats> seats,
                                                        const mail::IpAddress& client) {
  if (seats->taken_ >= seats->limits_.all) return "Too many connections, try again later";
  const mail::IpAddress key = counted_as(client);
  const auto count = seats->by_client_.find(key);
  if (count != seats->by_client_.end() && count->second >= seats->limits_.per_client) {
    return "Too many connections from your address, try again later";
  }
  ++seats->taken_;
  ++seats->by_client_[key];
  return Seat(std::move(seats), key);
}

Seats::Seat::~Seat() {
  if (!seats_) return;  // moved from
  --seats_->taken_;
  const auto count = seats_->by_client_.find(client_);
  if (--count->second == 0) seats_->by_client_.erase(count);
}

}  // namespace postern::smtpd
