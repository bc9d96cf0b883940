// The one access rule: who may send through Postern. No other code decides it, and without what it gives no envelope can
// be made: an open relay does not compile.
#pragma once

#include <optional>
#include <vector>

#include "mail/identity.h"
#include "mail/network.h"

namespace postern::mail {

/// Who a listener takes mail from. There is no value for "anyone".
enum class AuthPolicy : std::uint8_t {
  optional,  // clients in mynetworks, and authenticated ones
  required,  // authenticated clients only, wherever they are
  none,      // clients in mynetworks only; AUTH is not offered
  last = none,
};

/// The proof that a client may send. Made by `relay_permit` alone.
class RelayPermit {
 public:
  const std::optional<Identity>& identity() const { return identity_; }  // empty: by mynetworks
  const IpAddress& client() const { return client_; }

 private:
  RelayPermit(IpAddress client, std::optional<Identity> identity)
      : client_(std::move(client)), identity_(std::move(identity)) {}
  friend std::optional<RelayPermit> relay_permit(AuthPolicy, const std::vector<Network>&,
                                                 const IpAddress&, const std::optional<Identity>&);

  IpAddress client_;
  std::optional<Identity> identity_;
};

/// The client address is in mynetworks (and the listener goes by that), or the session is authenticated (and the listener
/// goes by that); otherwise no transaction starts.
[[nodiscard]] std::optional<RelayPermit> relay_permit(AuthPolicy policy,
                                                      const std::vector<Network>& mynetworks,
                                                      const IpAddress& client,
                                                      const std::optional<Identity>& identity);

}  // namespace postern::mail
