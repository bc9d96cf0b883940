// An address that this machine has for a few minutes, so that its programs can be reached from it.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "mail/network.h"
#include "net/fd.h"

namespace postern::daemon {

/// An address on the loopback interface, as /32 or /128, until this object goes; should the process die before, the kernel takes it
/// away when the lifetime is over.
class BorrowedAddress {
 public:
  /// Nothing: not permitted, in use already, or no such thing here; `why` says which.
  [[nodiscard]] static std::optional<BorrowedAddress> borrow(const mail::IpAddress& address,
                                                             std::chrono::seconds lifetime,
                                                             std::string& why);
  BorrowedAddress(BorrowedAddress&&) = default;
  BorrowedAddress& operator=(BorrowedAddress&&) = delete;
  ~BorrowedAddress();

 private:
  BorrowedAddress(net::Fd netlink, mail::IpAddress address);

  net::Fd netlink_;
  mail::IpAddress address_;
};

}  // namespace postern::daemon
