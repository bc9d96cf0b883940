#include "smtpd/seats.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace postern::smtpd {
namespace {

constexpr int client_bits = 56;
constexpr std::uint64_t client_mask = (std::uint64_t{1} << client_bits) - 1;
constexpr std::size_t memory_size = frames::max_seats * sizeof(std::uint64_t);
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

// Seats are given from the front. What is behind a hole in the memory, nobody has had, and even to read it would fill it.
std::size_t ever_used(const net::Fd& memory) {
  const off_t hole = ::lseek(memory.get(), 0, SEEK_HOLE);
  if (hole < 0) return frames::max_seats;
  return std::min<std::size_t>(static_cast<std::size_t>(hole) / sizeof(std::uint64_t),
                               frames::max_seats);
}

}  // namespace

Seats::Seats(const net::Fd& memory, std::uint32_t instance)
    : instance_(std::uint64_t{instance + 1} << client_bits) {
  void* const mapped =
      ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) throw std::system_error(errno, std::generic_category(), "seats");
  entries_ = {static_cast<Entry*>(mapped), frames::max_seats};
  for (Entry& entry : entries_.first(ever_used(memory))) {
    const std::uint64_t held = entry.load(std::memory_order_relaxed);
    if ((held & ~client_mask) == instance_) entry.store(0, std::memory_order_relaxed);
  }
}

Seats::~Seats() { ::munmap(entries_.data(), memory_size); }

std::variant<Seats::Seat, std::string_view> Seats::take(std::shared_ptr<Seats> seats,
                                                        const mail::IpAddress& client) {
  const std::uint64_t key = key_of(client);
  const std::span<Entry> all = seats->usable();
  std::size_t index = 0;
  while (index != all.size() && !seats->occupy(all[index], key)) ++index;
  if (index == all.size()) return "Too many connections, try again later";
  Seat seat(seats, index);
  // Counted with our own among them: whoever counts later sees it.
  const auto same = std::ranges::count_if(
      all, [&](const Entry& any) { return (any.load() & client_mask) == key; });
  if (static_cast<std::uint64_t>(same) > seats->limits_.per_client) {
    return "Too many connections from your address, try again later";
  }
  return seat;
}

bool Seats::occupy(Entry& entry, std::uint64_t client) const {
  std::uint64_t nobody = 0;
  return entry.load(std::memory_order_relaxed) == 0 &&
         entry.compare_exchange_strong(nobody, instance_ | client);
}

Seats::Seat::~Seat() {
  if (seats_) seats_->entries_[index_].store(0);  // else moved from
}

}  // namespace postern::smtpd
