// How many connections there are, in all and from each client, and how many there may be.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "mail/network.h"

namespace postern::smtpd {

class Seats {
 public:
  struct Limits {
    std::uint32_t all = 0;
    std::uint32_t per_client = 0;
  };

  /// A connection's place, free again when it goes. Keeps the counts alive.
  class Seat {
   public:
    Seat(Seat&&) = default;
    Seat& operator=(Seat&&) = delete;
    ~Seat();

   private:
    friend class Seats;
    Seat(std::shared_ptr<Seats> seats, mail::IpAddress client)
        : seats_(std::move(seats)), client_(std::move(client)) {}

    std::shared_ptr<Seats> seats_;
    mail::IpAddress client_;
  };

  /// A seat, or why there is none, in words for the client. An IPv6 client is the whole /64 that a customer is given.
  [[nodiscard]] static std::variant<Seat, std::string_view> take(std::shared_ptr<Seats> seats,
                                                                 const mail::IpAddress& client);

  /// Who has a seat keeps it.
  void limit(Limits limits) { limits_ = limits; }

 private:
  Limits limits_;
  std::uint32_t taken_ = 0;
  std::unordered_map<mail::IpAddress, std::uint32_t> by_client_;  // none of them zero
};

}  // namespace postern::smtpd
