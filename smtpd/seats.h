// How many connections there are, in all and from each client, and how many there may be: over all smtpd processes together,
// which share the list. It lies in memory that the supervisor made; what an entry means is known here only.
//
// An entry is 0, or who has that seat: the process in the highest octet, and the client in the others. A process writes only
// its own entries and free ones, atomically; when it dies, its successor of the same number frees what it left. Seats are given
// from the front, and the very first entry says how many ever were: what is behind, nobody reads.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

#include "mail/network.h"
#include "net/fd.h"
#include "net/frames.h"

namespace postern::smtpd {

class Seats {
 public:
  struct Limits {
    std::uint32_t all = 0;  // at most frames::max_seats
    std::uint32_t per_client = 0;
    std::uint32_t processes = 1;  // that share them
  };
  /// A process may have so many more than its share, and an eighth of it, before it leaves the next client to another: chance
  /// alone makes some difference.
  static constexpr std::uint64_t leeway = 4;

  /// A connection's place, free again when it goes. Keeps the list alive.
  class Seat {
   public:
    Seat(Seat&&) = default;
    Seat& operator=(Seat&&) = delete;
    ~Seat();

   private:
    friend class Seats;
    Seat(std::shared_ptr<Seats> seats, std::size_t index)
        : seats_(std::move(seats)), index_(index) {}

    std::shared_ptr<Seats> seats_;
    std::size_t index_;
  };

  /// `memory`: of frames::seats_memory octets, zeros at first. `instance`: the number of this process. Throws std::system_error.
  Seats(const net::Fd& memory, std::uint32_t instance);
  Seats(const Seats&) = delete;
  Seats& operator=(const Seats&) = delete;
  ~Seats();

  /// A seat, or why there is none, in words for the client. An IPv6 client is the whole /64 that a customer is given. The
  /// limits are never exceeded; of two processes that ask for the last seat at the same moment, both may be refused.
  [[nodiscard]] static std::variant<Seat, std::string_view> take(std::shared_ptr<Seats> seats,
                                                                 const mail::IpAddress& client);

  /// Who has a seat keeps it.
  void limit(Limits limits) { limits_ = limits; }

  /// As it was at the last `take` of this process.
  bool has_more_than_its_share() const {
    const std::uint64_t share = given_now_ / limits_.processes;
    return own_ > share + share / 8 + leeway;
  }

 private:
  using Entry = std::atomic<std::uint64_t>;
  static_assert(Entry::is_always_lock_free && sizeof(Entry) == sizeof(std::uint64_t));

  bool occupy(std::size_t index, std::uint64_t client);
  /// The number may be any: another process, perhaps a compromised one, writes it.
  std::span<Entry> ever_given() const {
    return entries_.first(std::min<std::uint64_t>(given_->load(), entries_.size()));
  }

  Entry* given_;  // how many of the entries were ever given
  std::span<Entry> entries_;
  std::uint64_t instance_;  // as it stands in our entries
  Limits limits_;
  std::uint64_t own_ = 0;        // at the last `take`: how many this process had,
  std::uint64_t given_now_ = 0;  // and all together
};

}  // namespace postern::smtpd
