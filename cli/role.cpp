// `postern role NAME`: the process of one role, started by the supervisor with its channel as descriptor 3.
#include "auth/role.h"

#include <sysexits.h>

#include <algorithm>
#include <string>

#include "command.h"
#include "daemon/supervisor.h"
#include "delivery/role.h"
#include "net/log.h"
#include "queue/role.h"
#include "relaytest/role.h"
#include "smtpd/role.h"

namespace postern::cli {
namespace {

struct Role {
  std::string_view name;
  int (*run)(net::Fd supervisor);
};

constexpr Role roles[] = {{"smtpd", smtpd::run},
                          {"auth", auth::run},
                          {"queue", queue::run},
                          {"delivery", delivery::run},
                          {"selftest", relaytest::run}};

}  // namespace

int run_role(std::string_view name) {
  const auto role = std::ranges::find(roles, name, &Role::name);
  if (role == std::end(roles)) {
    std::fprintf(stderr, "postern: there is no such role; `postern serve` starts them\n");
    return EX_USAGE;
  }
  net::name_log(std::string(name));
  return role->run(net::Fd(daemon::role_descriptor));
}

}  // namespace postern::cli
