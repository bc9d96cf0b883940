#include "mail/outcome.h"

#include <utility>

namespace postern::mail {

Outcome outcome_of(Reply reply) {
  switch (reply.code / 100) {
    case 2: return Delivered{std::move(reply)};
    case 5: return Failed{std::move(reply)};
    default: return Deferred{std::move(reply)};
  }
}

}  // namespace postern::mail
