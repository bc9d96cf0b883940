#include "mail/envelope.h"

#include <utility>

namespace postern::mail {

Envelope envelope_of(const RelayPermit& permit, std::string helo, std::string tls,
                     ReversePath reverse_path, BodyType body) {
  const auto& identity = permit.identity();
  Origin origin{permit.client().to_string(), std::move(helo),
                identity ? identity->login : std::string(), std::move(tls)};
  return Envelope{Seal(), std::move(origin), std::move(reverse_path), {}, body};
}

Envelope envelope_of_report(Mailbox to) {
  return Envelope{Seal(), {}, std::nullopt, {{std::move(to)}}, BodyType::seven_bit};
}

}  // namespace postern::mail
