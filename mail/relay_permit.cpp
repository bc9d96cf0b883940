#include "mail/relay_permit.h"

#include <algorithm>

namespace postern::mail {

std::optional<RelayPermit> relay_permit(AuthPolicy policy, const std::vector<Network>& mynetworks,
                                        const IpAddress& client,
                                        const std::optional<Identity>& identity) {
  if (identity && policy != AuthPolicy::none) return RelayPermit(client, identity);
  const bool is_ours = std::ranges::any_of(
      mynetworks, [&](const Network& network) { return network.contains(client); });
  if (is_ours && policy != AuthPolicy::required) return RelayPermit(client, std::nullopt);
  return std::nullopt;
}

}  // namespace postern::mail
