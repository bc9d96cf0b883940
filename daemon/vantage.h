// Whence Postern can be tested as a stranger would come: addresses of this machine that are not in mynetworks. On Linux any local
// address reaches any other, so one source of each family serves for all listeners.
//
// What such a source proves: that Postern refuses whom it takes for a stranger. What it cannot: that strangers arrive under their
// own addresses. A gateway that rewrites them is seen only from outside.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "daemon/borrowed_address.h"
#include "mail/network.h"

namespace postern::daemon {

/// How a source comes to be on this machine.
enum class SourceKind : std::uint8_t {
  loopback,  // 127.0.0.0/8 is there as a whole, for everyone
  own,       // of one of its interfaces
  borrowed,  // put on the loopback interface for the time of the test; needs CAP_NET_ADMIN
};

struct Source {
  mail::IpAddress address;
  SourceKind kind = SourceKind::loopback;
};

/// What the choice depends on.
struct Surroundings {
  std::vector<mail::Network> mynetworks;
  std::vector<mail::IpAddress> addresses;  // of this machine
  bool may_borrow = false;
  unsigned first =
      0;  // which of the addresses that can be borrowed to begin with: several tests may run at a time
};

/// Sources for one family, the best first; empty: there is none. Of those that can be borrowed some are offered, in case one is in
/// use: addresses for documentation (TEST-NET-2 of RFC 5737, RFC 3849), at which nobody in the world can be.
[[nodiscard]] std::vector<Source> choose_sources(bool is_v6, const Surroundings& surroundings);

/// Where the test comes from: what was chosen and, if need be, borrowed.
struct Vantage {
  std::vector<Source> sources;  // one of a family, at most
  std::vector<BorrowedAddress> borrowed;
  std::string why_no_v4;  // where there is none
  std::string why_no_v6;

  [[nodiscard]] const Source* source(bool is_v6) const;
};

/// Looks at this machine, and borrows what is needed for `lifetime`. `with_v6`: is there anything to reach over IPv6?
[[nodiscard]] Vantage find_vantage(const std::vector<mail::Network>& mynetworks, bool with_v4,
                                   bool with_v6, std::chrono::seconds lifetime);

}  // namespace postern::daemon
