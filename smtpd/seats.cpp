#include "smtpd/seats.h"

#include <sys/mman.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace postern::smtpd {
namespace {

constexpr int client_bits = 56;
constexpr std::uint64_t client_mask = (std::uint64_t{1} << client_bits) - 1;
constexpr std::size_t subnet_octets = 8;

// An IPv4 address as it is; a subnet of IPv6 folded, so that two may count as one: one in 2^56 pairs, by chance only.
std::uint64_t key_of(const mail::IpAddress& client) {
  const mail::IpAddress address = mail::normalised(client);
  if (address.is_v4()) return address.to_v4().to_uint();
  std::uint64_t subnet = 0;
  const auto octets = address.to_v6().to_bytes();
  for (std::size_t i = 0; i < subnet_octets; ++i) subnet = subnet << 8 | octets[i];
  constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;  // spreads each bit upwards
  return (subnet * odd >> (64 - client_bits)) | std::uint64_t{1} << (client_bits - 1);
}

}  // namespace

Seats::Seats(const net::Fd& memory, std::uint32_t instance)
    : instance_(std::uint64_t{instance + 1} << client_bits) {
  void* const mapped =
      ::mmap(nullptr, frames::seats_memory, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "seats");
  given_ = static_cast<Entry*>(mapped);
  entries_ = {given_ + 1, frames::max_seats};
  for (Entry& entry : ever_given()) {
    const std::uint64_t held = entry.load(std::memory_order_relaxed);
    if ((held & ~client_mask) == instance_) entry.store(0, std::memory_order_relaxed);
  }
}

Seats::~Seats() { ::munmap(given_, frames::seats_memory); }

std::variant<Seats::Seat, std::string_view> Seats::take(std::shared_ptr<Seats> seats,
                                                        const mail::IpAddress& client) {
  const std::uint64_t key = key_of(client);
  std::size_t index = 0;
  while (index != seats->limits_.all && !seats->occupy(index, key)) ++index;
  if (index == seats->limits_.all) return "Too many connections, try again later";
  Seat seat(seats, index);
  // Counted with our own among them: whoever counts later sees it.
  std::uint64_t same = 0;
  seats->own_ = seats->given_now_ = 0;
  for (const Entry& any : seats->ever_given()) {
    const std::uint64_t held = any.load();
    seats->given_now_ += held != 0 ? 1 : 0;
    seats->own_ += (held & ~client_mask) == seats->instance_ ? 1 : 0;
    same += (held & client_mask) == key ? 1 : 0;
  }
  if (same > seats->limits_.per_client) {
    return "Too many connections from your address, try again later";
  }
  return seat;
}

bool Seats::occupy(std::size_t index, std::uint64_t client) {
  // First the count, so that whoever counts later reads the entry, and a successor finds it if we die in between.
  std::uint64_t given = given_->load();
  while (given <= index && !given_->compare_exchange_weak(given, index + 1)) {
  }
  Entry& entry = entries_[index];
  std::uint64_t nobody = 0;
  return entry.load(std::memory_order_relaxed) == 0 &&
         entry.compare_exchange_strong(nobody, instance_ | client);
}

Seats::Seat::~Seat() {
  if (seats_) seats_->entries_[index_].store(0);  // else moved from
}

}  // namespace postern::smtpd
