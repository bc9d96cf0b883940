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
  const bool needs_utf8 = to.needs_utf8();
  return Envelope{Seal(), {}, std::nullopt, {{std::move(to)}}, BodyType::seven_bit, needs_utf8};
}

}  // namespace postern::mail
